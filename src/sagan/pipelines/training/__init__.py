"""Station 4, training: from shards to a generator."""

from sagan.pipelines.training.pipeline import create_pipeline

__all__ = ["create_pipeline"]
