"""The project's claims, measured: one command each, a readable table, then one JSON line last."""
