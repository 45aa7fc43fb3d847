"""Data validation: from an image folder to a manifest that passed the expectations."""

from sagan.pipelines.data_validation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
