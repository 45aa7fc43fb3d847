"""Mutants that no test kills, each with the reason: `file: line -> changed line`."""

EXPLAINED: dict[str, str] = {}
