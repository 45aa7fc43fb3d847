"""Several model configurations under one budget and one protocol, over several seeds."""
