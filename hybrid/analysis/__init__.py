"""A song measured once: its chunks, band powers, microphones and polarities. JAX."""
