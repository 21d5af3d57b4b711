"""Songs to learn from and to try things on."""
