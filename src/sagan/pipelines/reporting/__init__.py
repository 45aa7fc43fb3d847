"""Station 7, reporting: from everything that was saved to one page."""

from sagan.pipelines.reporting.pipeline import create_pipeline

__all__ = ["create_pipeline"]
