"""Refinement: gradient descent on the rules improves a treatment for one song, under constraints."""
