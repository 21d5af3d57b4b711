"""Pure signal processing: short-time spectra, auditory bands, the K-weighting, oversampling. JAX, no files."""
