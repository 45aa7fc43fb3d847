"""The processes that work on a study's trials, and the queue that they share."""
