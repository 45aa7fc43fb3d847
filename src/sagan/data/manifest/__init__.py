"""The manifest: one row per image, with its facts and its hash."""
