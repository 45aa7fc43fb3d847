"""Evaluation: metrics of a generator bundle, with their protocol."""
