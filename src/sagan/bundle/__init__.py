"""The generator bundle: the only interface between training and everything after it."""
