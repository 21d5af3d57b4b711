"""Objective measures of mixes and what their differences mean, apart from the rules and all that they measure with."""
