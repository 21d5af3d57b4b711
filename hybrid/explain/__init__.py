"""Explanation of one rule on one song: its values, the moves that would satisfy it, and the rules it opposes."""
