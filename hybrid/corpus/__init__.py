"""Data sets of songs, on disk or synthesised, for training and evaluation."""
