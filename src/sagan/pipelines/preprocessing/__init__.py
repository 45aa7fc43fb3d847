"""Preprocessing: from validated images to shards."""

from sagan.pipelines.preprocessing.pipeline import create_pipeline

__all__ = ["create_pipeline"]
