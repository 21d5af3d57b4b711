"""Every quantity that rules speak of, from powers or from audio. JAX."""
