"""Measured seconds of the slow test files, which are handed out first."""

SECONDS = {
    "integration/test_reproduce.py": 90,
    "training/test_distributed.py": 90,
    "integration/test_studies.py": 40,
    "integration/test_interruption.py": 40,
    "integration/test_tuning.py": 30,
}
