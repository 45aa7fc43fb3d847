"""Tuning: a search for better training parameters."""

from sagan.pipelines.tuning.pipeline import create_pipeline

__all__ = ["create_pipeline"]
