"""What watches a run and never changes it: records, collapse checks, scores, progress."""
