"""The tuning pipeline: trials of the training in search of better parameters."""

from sagan.pipelines.tuning.pipeline import create_pipeline

__all__ = ["create_pipeline"]
