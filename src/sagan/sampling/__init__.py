"""Station 5's insides: pictures from one small generator bundle.

No data set, no discriminator and no optimiser is needed; `sagan sample` works on a
machine that has only the networks' own dependencies.
"""
