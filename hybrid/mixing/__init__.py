"""One song from its tracks to its mix: analyse, refine, render, judge."""
