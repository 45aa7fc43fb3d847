import logging

import pytest

from sagan.data.progress import progress_bar


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only when told to."""
    now = [100.0]
    monkeypatch.setattr("tqdm.std.time", lambda: now[0])
    return now


def test_a_batch_jobs_log_has_a_line_now_and_then(clock, caplog):
    with caplog.at_level(logging.INFO), progress_bar("resizing", 1000) as bar:
        for _ in range(10):
            clock[0] += 10
            bar.update(100)
    assert caplog.messages == [
        "resizing: 30%, 10.00 images/s, 01:10 left",
        "resizing: 60%, 10.00 images/s, 00:40 left",
        "resizing: 90%, 10.00 images/s, 00:10 left",
    ]


def test_bytes_are_told_as_bytes_and_nothing_as_nothing(clock, caplog):
    with caplog.at_level(logging.INFO), progress_bar("extracting", 4_000_000, "B") as bar:
        clock[0] += 40
        bar.update(1_000_000)
    assert caplog.messages == ["extracting: 25%, 25.0kB/s, 02:00 left"]
    with progress_bar("nothing", 0):
        pass
