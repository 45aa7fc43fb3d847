"""Scores: distances between feature distributions, precision and recall, diversity."""
