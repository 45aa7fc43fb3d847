"""Station 6's insides: how good images are, as numbers.

Every measure has the form *iterable of uint8 [N, 3, H, W] -> statistics -> number*; this room does
not know where the images come from.
"""
