"""Treatments: the type, its table of parts and bounds, its effect on powers, and its renderer. JAX."""
