"""One song from folder to results: planned, rendered, delivered."""
