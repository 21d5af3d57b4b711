"""Songs from audio files and audio files from samples: names, roles, manifests, reading, writing. No JAX."""
