"""Wiring: a folder a station, each a Kedro pipeline of a few nodes."""
