"""Worker processes of a study, and the queue of trials that they share."""
