"""Checks before a run: parameters, catalog, source, device, weights, study."""
