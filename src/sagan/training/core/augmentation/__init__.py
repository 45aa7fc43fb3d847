"""Augmentation of the discriminator's images, for small data sets."""
