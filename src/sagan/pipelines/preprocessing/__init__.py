"""Preprocessing: from validated images to shards."""
