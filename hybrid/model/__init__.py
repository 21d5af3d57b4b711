"""Networks that propose a treatment: they listen, feel what is wanted, and know nothing of rules or files."""
