"""Networks of the paper, and of the baselines it compares with."""
