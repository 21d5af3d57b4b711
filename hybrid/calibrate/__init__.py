"""Rules from what engineers did: targets and tolerances fitted to human mixes."""
