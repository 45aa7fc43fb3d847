"""Sampling: from a generator bundle to pictures."""
