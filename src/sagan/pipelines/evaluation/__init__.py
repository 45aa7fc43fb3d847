"""Station 6, evaluation: how good the generator is, as numbers with their protocol."""

from sagan.pipelines.evaluation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
