"""Processes and signals: stopping when asked to, locks on folders."""
