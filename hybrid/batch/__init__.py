"""Whole data sets: every song through the path of `mix`, on as many processes or machines as there are."""
