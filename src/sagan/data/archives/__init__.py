"""Archives: their members, checked before a byte is written, and resumable extraction."""
