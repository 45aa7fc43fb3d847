"""The pipelines: one folder each, with its nodes and their wiring."""
