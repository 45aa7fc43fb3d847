"""Monitoring of a run, without effect on it: records, collapse checks, scores, progress."""
