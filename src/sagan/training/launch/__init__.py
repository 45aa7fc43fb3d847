"""Training in several processes, started by torchelastic."""
