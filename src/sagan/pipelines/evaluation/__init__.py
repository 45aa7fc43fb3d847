"""Evaluation: metrics of a generator bundle, with their protocol."""

from sagan.pipelines.evaluation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
