"""A forked program is what a started one would be."""

import json
import os
import signal
import subprocess
import sys
from contextlib import nullcontext

import pytest

from tests.fork_server import _libraries, real_starts

TOLD = r"""
import json, os, signal, sys
words = {
    "argv": sys.argv, "path": sys.path, "name": __name__, "file": __file__,
    "main": sys.modules["__main__"].__dict__ is globals(), "folder": os.getcwd(),
    "environment": {n: v for n, v in os.environ.items() if n != "LC_CTYPE"},
    "parent": os.getppid(), "group": os.getpgid(0) - os.getpid() * OWN, "umask": os.umask(0),
    "blocked": [*map(int, signal.pthread_sigmask(signal.SIG_BLOCK, ()))],
    "handlers": [str(signal.getsignal(n)) for n in signal.valid_signals()],
    "read": sys.stdin.read(), "buffered": sys.stdout.line_buffering,
    "command": open("/proc/self/cmdline", "rb").read().rstrip(b"\0").decode().split("\0"),
}
print(json.dumps(words))
"""
ENDS = {
    "words": "sys.exit('why it ended')",
    "number": "sys.exit(75)",
    "raised": "import atexit; atexit.register(print, 'at exit'); raise ValueError('wrong')",
    "killed": "import os; os.kill(os.getpid(), 9)",
    "interrupted": "raise KeyboardInterrupt",
    "thread": "import threading, time; "
    "threading.Thread(target=lambda: (time.sleep(0.1), print('last'))).start()",
}


def both_ways(script, *words, **options):
    """What came of it, started and forked."""
    for way in (real_starts(), nullcontext()):
        with way:
            yield subprocess.run(
                [sys.executable, str(script), *words],
                capture_output=True,
                text=True,
                check=False,
                **options,
            )


@pytest.mark.parametrize("own_session", [False, True])
def test_it_has_the_same_surroundings(tmp_path, own_session):
    (script := tmp_path / "told.py").write_text(TOLD.replace("OWN", str(int(own_session))))
    options = {"cwd": tmp_path, "env": os.environ | {"PYTHONPATH": "a", "OF_TEST": "1"}}
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        started, forked = both_ways(
            script, "--one", "two words", input="given", start_new_session=own_session, **options
        )
    finally:
        signal.signal(signal.SIGHUP, before)
    assert json.loads(forked.stdout) == json.loads(started.stdout)
    assert json.loads(forked.stdout)["parent"] == os.getpid()


@pytest.mark.parametrize("end", ENDS)
def test_it_ends_the_same_way(tmp_path, end):
    (script := tmp_path / "ends.py").write_text(f"import sys; {ENDS[end]}")
    started, forked = both_ways(script)
    assert (forked.returncode, forked.stdout) == (started.returncode, started.stdout)
    assert forked.stderr == started.stderr


@pytest.mark.parametrize(
    "words", [["-m", "pytest"], ["-c", "pass"], ["-X", "dev", "x.py"], ["-I", "-m", "sagan"], []]
)
def test_what_it_could_not_be_is_started(words):
    assert _libraries(words) is None
