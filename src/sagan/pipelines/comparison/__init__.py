"""Comparison: several model variants under one budget and protocol."""

from sagan.pipelines.comparison.pipeline import create_pipeline

__all__ = ["create_pipeline"]
