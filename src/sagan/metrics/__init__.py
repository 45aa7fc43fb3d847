"""Evaluation metrics of generated images: Fréchet and kernel distances, precision and recall, ...

Every metric has the form *iterable of uint8 [N, C, H, W] -> statistics -> number* and is
independent of where the images come from.
"""
