"""How each track went into a finished mix, and the verdict on any mix."""
