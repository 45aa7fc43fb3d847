"""SAGAN (Zhang et al., ICML 2019) as a reproducible pipeline: from an image folder to a report."""

__version__ = "0.1.0"
