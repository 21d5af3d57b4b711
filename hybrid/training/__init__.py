"""Training of the proposing network: examples, samples, losses, the step and the loop."""
