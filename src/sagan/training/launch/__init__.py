"""Several processes of one training, started by torchelastic."""
