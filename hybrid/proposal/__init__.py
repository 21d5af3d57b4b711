"""Networks that propose a treatment: their weights, their inputs, and their proposals."""
