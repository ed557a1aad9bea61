"""Ablations: arms that differ in knobs, seeds that share every draw, and a report of what the differences are worth."""
