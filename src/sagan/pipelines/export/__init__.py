"""Export: from a generator bundle to a self-contained folder."""
