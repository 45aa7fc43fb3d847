"""Tuning: a search for better training parameters."""
