"""Files become a song, and samples become files: names, roles, manifests, reading, writing. No JAX."""
