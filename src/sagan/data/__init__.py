"""Image data without Kedro: sources, image folder, manifest, decoding, shards, batches.

An image folder (`train/<class>/*`, optional `val/<class>/*`) becomes a manifest, one row per image,
and then uint8 shards that training reads by memory map.
"""
