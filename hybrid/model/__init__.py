"""Networks that propose a treatment from input, mix and gradient features; they depend on no rules and no files."""
