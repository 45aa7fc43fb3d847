"""Preflight checks: catalog, parameters, and what a pipeline needs, before a run starts."""
