"""A treatment made better for one song, step by step, under constraints."""
