"""Which commands of Kedro end at once on a signal."""

import signal
import sys

import pytest

from sagan.processes.signals import leave_kedro_run_on_signal


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (["run"], True),
        (["--verbose", "run", "--env=x"], True),
        (["explore"], True),
        (["viz", "run"], False),
        (["ipython"], False),
    ],
)
def test_signals_end_the_projects_own_commands_of_kedro(words, left, monkeypatch):
    """`kedro viz run` ends by Kedro-Viz's own means: it trains nothing."""
    monkeypatch.setattr(sys, "argv", ["/x/bin/kedro", *words])
    given = {}
    monkeypatch.setattr(signal, "signal", given.__setitem__)
    leave_kedro_run_on_signal()
    assert bool(given) == left
