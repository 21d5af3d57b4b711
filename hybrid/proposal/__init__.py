"""Networks that propose a treatment: their weights, and what they are given."""
