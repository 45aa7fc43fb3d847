"""Features of images: extractors, their statistics, and the cache of real images' features."""
