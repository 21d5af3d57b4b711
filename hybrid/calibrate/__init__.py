"""Calibration of rules: targets and tolerances fitted to human mixes."""
