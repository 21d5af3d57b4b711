"""Training of the proposing network: examples, losses, the step and the loop."""
