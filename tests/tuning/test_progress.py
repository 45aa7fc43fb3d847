"""What a person sees of a study."""

import io
import logging

import pytest

from sagan.tuning.progress import StudyProgress
from sagan.tuning.workers.worker import STOPPED


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def queue(opened):
    return opened(trials=4, pruner={})[1]


def test_every_trial_has_a_line_and_the_record_is_told(queue, caplog):
    caplog.set_level(logging.INFO, "sagan.tuning")
    with StudyProgress(queue, ["fd_classifier"], 4) as progress:
        for value in (3.0, 5.0):
            queue.complete(queue.claim(), [value])
        progress.show()
        pruned = queue.claim()
        queue.note(pruned, STOPPED, 12800)
        queue.prune(pruned)
        queue.fail(queue.claim(), "no luck " * 100)
        progress.show()
        progress.show()
    assert caplog.messages == [
        "trial 0: fd_classifier 3 in 00:00, the best so far",
        "trial 1: fd_classifier 5 in 00:00",
        "trial 2: pruned at 12,800 images after 00:00",
        f"trial 3 failed: {('no luck ' * 100)[:200]} ...",
    ]


def test_the_bar_has_the_best_and_fits_80_columns(queue, monkeypatch):
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("COLUMNS", "80")
    with StudyProgress(queue, ["fd_classifier"], 4) as progress:
        progress.show()
        queue.complete(queue.claim(), [3.7712345])
        progress.show()
    frames = [frame for frame in screen.getvalue().replace("\n", "\r").split("\r") if frame.strip()]
    assert frames[1].endswith("0 running, ? left")
    assert "best fd_classifier 3.771 (trial 0), 00:00 left" in frames[-1]
    assert frames[-1].startswith("tuning 1/4|")
    assert max(map(len, frames)) <= 80
