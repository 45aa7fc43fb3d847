"""Training of the two networks (paper, section 4), and what it leaves on disk."""
