"""Search for parameters: an Optuna study whose trials are trainings; the only room for Optuna."""
