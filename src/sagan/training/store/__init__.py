"""What lies in a run's folder: checkpoints, journal, identity, the exported generator."""
