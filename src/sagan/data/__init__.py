"""The data rooms: sources, image folder, manifest, decoding, shards (stations 1 to 3).

An image folder (`train/<class>/*`, optional `val/<class>/*`) becomes a manifest, one row an image,
and then uint8 shards that training reads by memory map. Nothing here knows Kedro.
"""
