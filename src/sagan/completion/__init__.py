"""Completion of images under a mask, by the latents of a generator bundle.

The generator is inverted: a latent and a class are sought whose image explains the visible pixels.
It invents what is hidden; it does not know it.
"""
