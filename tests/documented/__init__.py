"""Every command of README and docs, executed in a fresh clone: `python -m tests.documented`."""
