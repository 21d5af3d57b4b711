"""Moves of a person: what is changed by hand, kept as it is, or left within limits."""
