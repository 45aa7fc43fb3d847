"""Acquisition: from a named source to an image folder."""

from sagan.pipelines.acquisition.pipeline import create_pipeline

__all__ = ["create_pipeline"]
