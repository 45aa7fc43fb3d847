"""Station 1: a named source becomes an image folder."""

from sagan.pipelines.acquisition.pipeline import create_pipeline

__all__ = ["create_pipeline"]
