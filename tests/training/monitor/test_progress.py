"""The bar on a terminal, with the log's lines above it."""

import os
import re
import subprocess
import sys
import termios

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
    assert any("20%" in line and "step 1, D 1.00, G +0.50" in line for line in lines)
    assert max(map(len, lines)) <= 80
