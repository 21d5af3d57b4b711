"""Why: what a rule reads of a song, what would satisfy it, and which rules want otherwise."""
