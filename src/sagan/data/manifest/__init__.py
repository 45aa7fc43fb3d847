"""The manifest: one row an image, with its facts and its hash."""
