"""The bar on a terminal, with the log's lines above it."""

import logging
import os
import re
import subprocess
import sys
import termios
from contextlib import closing

from sagan.training.monitor import progress as progress_module
from sagan.training.monitor.progress import Progress

CODE = """
import logging, time
from contextlib import closing
from sagan.training.monitor.progress import Progress
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
record = {"step": 1, "images_seen": 10, "discriminator_loss": 1.0, "generator_loss": 0.5}
with closing(Progress(images_seen=0, total_images=100, images_per_step=10)) as progress:
    time.sleep(0.6)
    progress.show(record | {"images_per_second": 5.0})
    progress.advance(10)
    logging.getLogger("sagan.training.monitor.collapse").warning("collapse")
    time.sleep(0.6)
    progress.advance(20)
logging.getLogger("sagan").info("after")
"""


def test_a_line_of_the_log_stands_by_itself_once_and_nothing_is_wider_than_the_terminal():
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    paths = {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", CODE], stderr=theirs, env=os.environ | paths)
    os.close(theirs)
    shown = b""
    try:
        while read := os.read(ours, 4096):
            shown += read
    except OSError:  # how a terminal ends
        pass
    assert process.wait() == 0

    lines = [line.strip() for line in re.split(r"[\r\n]+|\x1b\[A", shown.decode())]
    assert lines.count("WARNING collapse") == 1
    assert lines.count("INFO after") == 1
    assert any("20%" in line and "step 2, D 1.00, G +0.50" in line for line in lines)
    assert max(map(len, lines)) <= 80


def test_a_log_without_a_terminal_goes_on_between_records_of_slow_steps(monkeypatch, caplog):
    """At first every ten seconds, whatever the steps are long and however rare the records."""
    clock = {"now": 100.0}
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: clock["now"])
    record = {"step": 1, "images_seen": 10, "discriminator_loss": 1.0, "generator_loss": 0.5}
    with (
        closing(Progress(images_seen=0, total_images=200, images_per_step=10)) as progress,
        caplog.at_level(logging.INFO),
    ):
        for step in range(1, 21):
            clock["now"] += 4  # seconds a step
            progress.advance(step * 10)
            if step in {1, 20}:
                progress.show(record | {"step": step, "images_seen": step * 10})

    assert caplog.messages == [
        "step 1 of 20, D 1.00, G +0.50",
        *(
            f"step {step} of 20, D 1.00, G +0.50, 2.5 images/s, {left} left"
            for step, left in ((4, "01:04"), (7, "00:52"), (10, "00:40"), (13, "00:28"))
        ),
        "step 16 of 20, D 1.00, G +0.50, 2.5 images/s, 00:16 left",
        "step 19 of 20, D 1.00, G +0.50, 2.5 images/s, 00:04 left",
        "step 20 of 20, D 1.00, G +0.50, 2.5 images/s, 00:00 left",
    ]
