"""Sampling: from a generator bundle to pictures."""

from sagan.pipelines.sampling.pipeline import create_pipeline

__all__ = ["create_pipeline"]
