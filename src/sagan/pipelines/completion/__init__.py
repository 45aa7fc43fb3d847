"""Completion: from a generator bundle to images whose hidden part it made."""
