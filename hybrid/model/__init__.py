"""Networks that propose a treatment: they listen, and know nothing of rules or files."""
