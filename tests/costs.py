"""Estimated seconds of the slow test files: the costliest are handed out first.

`make test` ends with the files of five seconds and more, in this form. The first file makes the
finished project that others copy; the second one needs none.
"""

SECONDS = {
    "integration/test_reproduce.py": 100,
    "training/test_distributed.py": 90,
    "integration/test_studies.py": 45,
    "integration/test_interruption.py": 40,
    "comparison/test_processes.py": 35,
    "integration/test_tuning.py": 35,
    "tuning/test_run.py": 30,
    "benchmarks/test_resume.py": 25,
    "integration/test_viz.py": 25,
    "integration/test_notebook.py": 20,
    "integration/test_bad_input.py": 20,
    "reporting/test_browser.py": 20,
    "tuning/test_postgresql.py": 20,
    "integration/test_cli.py": 15,
    "integration/test_package.py": 15,
    "data/test_making_shards.py": 15,
    "documented/test_session.py": 15,
    "explorer/test_page.py": 15,
    "training/test_checkpoint_crashes.py": 15,
    "training/test_resume.py": 15,
    "explorer/test_views.py": 12,
    "integration/test_s3_remote.py": 12,
    "training/test_run_failures.py": 12,
    "benchmarks/test_evaluation.py": 10,
    "metrics/test_evaluation.py": 10,
    "test_docs.py": 10,
    "training/monitor/test_scoring.py": 10,
    "training/test_oom.py": 10,
    "tuning/workers/test_trial_queue.py": 10,
    "tuning/workers/test_worker.py": 10,
    "validation/test_gate.py": 10,
}
