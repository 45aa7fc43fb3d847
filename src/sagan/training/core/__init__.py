"""Numerics that decide a run's weights, hashed as a folder into its identity."""
