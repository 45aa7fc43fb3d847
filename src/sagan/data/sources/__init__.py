"""Sources of images: each becomes an image folder with `train/<class>/*`."""
