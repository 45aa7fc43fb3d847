"""Export: from a generator bundle to a self-contained folder."""

from sagan.pipelines.export.pipeline import create_pipeline

__all__ = ["create_pipeline"]
