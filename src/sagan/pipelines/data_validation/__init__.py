"""Station 2: the image folder becomes a manifest, checked, and a gate stands behind it."""

from sagan.pipelines.data_validation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
