"""Hyperparameter search: Optuna studies whose trials are trainings."""
