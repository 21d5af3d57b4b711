"""Experiments: mixes of the same songs under rules that differ in one thing, and what the difference is worth."""
