"""Training: from shards to a generator bundle."""

from sagan.pipelines.training.pipeline import create_pipeline

__all__ = ["create_pipeline"]
