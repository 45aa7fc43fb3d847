"""Contents of a run's folder: checkpoints, journal, identity, the exported generator."""
