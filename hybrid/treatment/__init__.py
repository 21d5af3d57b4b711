"""What the mixer does to every track: the type, its bounds, its effect on powers, and its renderer. JAX."""
