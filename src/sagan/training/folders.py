"""Where a run works."""

from pathlib import Path
from typing import NamedTuple


class Folders(NamedTuple):
    """What lies outside a run's own folder."""

    runs: Path
    """The folder of all runs; each has one below, named by its identity."""
    features: Path
    """Cached classifiers, features and statistics of real images, for scores."""
