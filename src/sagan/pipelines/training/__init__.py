"""Training: from shards to a generator bundle."""
