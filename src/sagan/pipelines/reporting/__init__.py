"""Reporting: one page from everything that a run saved."""

from sagan.pipelines.reporting.pipeline import create_pipeline

__all__ = ["create_pipeline"]
