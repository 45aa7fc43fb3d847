"""Station 5, sampling: from a generator to pictures."""

from sagan.pipelines.sampling.pipeline import create_pipeline

__all__ = ["create_pipeline"]
