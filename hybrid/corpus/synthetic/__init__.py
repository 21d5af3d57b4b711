"""Synthetic songs: score → performance → instruments → tracks."""
