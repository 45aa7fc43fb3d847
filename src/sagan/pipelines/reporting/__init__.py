"""Reporting: one page from everything that a run saved."""
