"""Features of images: extractors, their statistics, and the cache of the real images'."""
