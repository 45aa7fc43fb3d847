import logging
from itertools import pairwise
from types import SimpleNamespace

import pytest

from sagan.common.progress import progress_bar


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only when told to."""
    now = [100.0]
    monkeypatch.setattr("tqdm.std.time", lambda: now[0])
    monkeypatch.setattr("sagan.common.progress.time", SimpleNamespace(time=lambda: now[0]))
    return now


def test_a_batch_jobs_log_has_a_line_now_and_then(clock, caplog):
    with caplog.at_level(logging.INFO), progress_bar("resizing", 1000) as bar:
        for _ in range(10):
            clock[0] += 5
            bar.update(100)
    assert caplog.messages == [
        "resizing: 20%, 20.00 images/s, 00:40 left",
        "resizing: 40%, 20.00 images/s, 00:30 left",
        "resizing: 60%, 20.00 images/s, 00:20 left",
        "resizing: 80%, 20.00 images/s, 00:10 left",
        "resizing: 100%, 20.00 images/s, 00:00 left",
    ]


def test_a_long_pass_writes_lines_ever_more_rarely(clock, caplog):
    with caplog.at_level(logging.INFO), progress_bar("resizing", 3600) as bar:
        for _ in range(3600):
            clock[0] += 1
            bar.update(1)
    assert len(caplog.messages) < 50


def test_no_line_comes_later_than_it_is_due(clock, caplog):
    begun, told = clock[0], [clock[0]]
    with caplog.at_level(logging.INFO), progress_bar("training encoder", 300, "steps") as bar:
        for _ in range(300):
            clock[0] += 1
            bar.update(1)
            if len(caplog.messages) == len(told):
                told.append(clock[0])
    for before, now in pairwise(told[1:]):
        assert now - before <= max(10, 0.1 * (before - begun)) + 1


def test_bytes_are_told_as_bytes_and_nothing_as_nothing(clock, caplog):
    with caplog.at_level(logging.INFO), progress_bar("extracting", 4_000_000, "B") as bar:
        clock[0] += 40
        bar.update(1_000_000)
    assert caplog.messages == ["extracting: 25%, 25.0kB/s, 02:00 left"]
    with progress_bar("nothing", 0):
        pass


def test_without_a_title_nothing_is_shown(clock, caplog):
    with caplog.at_level(logging.INFO), progress_bar("", 100) as bar:
        clock[0] += 40
        bar.update(50)
    assert not caplog.messages


def test_less_than_one_a_second_is_still_a_rate(clock, caplog):
    with caplog.at_level(logging.INFO), progress_bar("features", 100) as bar:
        clock[0] += 40
        bar.update(20)
    assert caplog.messages == ["features: 20%,  0.50 images/s, 02:40 left"]
