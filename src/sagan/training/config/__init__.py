"""Parameters of training, and published recipes of them."""

from sagan.training.config.scoring import ScoringConfig
from sagan.training.config.training import TrainingConfig
from sagan.training.config.watch import WatchConfig

__all__ = ["ScoringConfig", "TrainingConfig", "WatchConfig"]
