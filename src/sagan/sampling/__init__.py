"""Samples and attention maps of a generator bundle.

Only the networks' own dependencies are needed: no data set, discriminator or optimiser.
"""
