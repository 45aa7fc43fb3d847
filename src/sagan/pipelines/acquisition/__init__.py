"""Acquisition: from a named source to an image folder."""
