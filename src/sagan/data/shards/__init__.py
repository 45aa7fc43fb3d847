"""Shards: decoded uint8 images on disk, built once and read by memory map."""
