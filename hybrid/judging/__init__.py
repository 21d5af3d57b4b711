"""Objective metrics of mixes and statistics of their differences, independent of the rules and their measurements."""
