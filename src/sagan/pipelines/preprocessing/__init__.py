"""Station 3: validated images become shards."""

from sagan.pipelines.preprocessing.pipeline import create_pipeline

__all__ = ["create_pipeline"]
