"""Goals by ear: what finished mixes ask of a mix, aspect by aspect and by amount, written as rules."""
