"""Beside the stream, export: from a trained generator to a folder that stands alone."""

from sagan.pipelines.export.pipeline import create_pipeline

__all__ = ["create_pipeline"]
