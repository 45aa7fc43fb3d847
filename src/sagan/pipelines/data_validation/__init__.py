"""Data validation: from an image folder to a manifest that passed the expectations."""
