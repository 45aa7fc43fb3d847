"""Comparison: several model variants under one budget and protocol."""
