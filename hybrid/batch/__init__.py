"""Whole data sets: every song mixed as by `hybrid mix`, by several processes or machines."""
