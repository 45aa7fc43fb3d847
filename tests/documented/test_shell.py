import os
import sys
import time
from pathlib import Path

import pytest

from tests.documented.shell import Shell, run, serve

SERVER = """
import http.server, sys
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"a page about digits")
    def log_message(self, *words):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Page)
print(f"Listening on http://127.0.0.1:{server.server_port}/.", flush=True)
try:
    server.serve_forever()
except KeyboardInterrupt:
    print("bye")
"""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    (tmp_path / "below").mkdir()
    (tmp_path / "server.py").write_text(SERVER)
    return Shell(tmp_path, {"PATH": os.environ["PATH"]})


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "001.txt"


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_folder_and_variables_go_on_to_the_next_command(shell: Shell, log: Path) -> None:
    first = run("cd below", shell, log)
    second = run("export WHO='Ann\nB'", first.shell, log)
    third = run('echo "$WHO $PWD"', second.shell, log)
    assert (first.fault, second.fault, third.fault) == ("", "", "")
    assert log.read_text() == f"Ann\nB {shell.folder}/below\n"
    assert sorted(path.name for path in shell.folder.iterdir()) == [log.name, "below", "server.py"]


def test_status_is_a_fault_unless_it_is_an_answer(shell: Shell, log: Path) -> None:
    assert run("echo no; false", shell, log).fault == "status 1"
    assert log.read_text() == "no\n"
    assert run("false", shell, log, good=(0, 1)).fault == ""
    assert run("nothing-like-it", shell, log).fault == "status 127"


def test_what_hangs_is_killed_with_all_that_it_started(shell: Shell, log: Path) -> None:
    outcome = run("sleep 60 & echo $! > pid; wait", shell, log, timeout_seconds=0.5)
    assert outcome.fault == "not done after 0 s"
    assert outcome.shell == shell
    pid = int((shell.folder / "pid").read_text())
    for _ in range(50):
        if not alive(pid):
            break
        time.sleep(0.1)
    assert not alive(pid)


def test_server_is_asked_for_its_page_and_stopped(shell: Shell, log: Path) -> None:
    outcome = serve(f"{sys.executable} server.py  # until Ctrl-C", shell, log, says="digits")
    assert outcome.fault == ""
    assert log.read_text().endswith("bye\n")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (f"{sys.executable} server.py", "the page does not say 'numbers'"),
        ("false", "ended with status 1"),
        ("sleep 60", "it printed no address"),
    ],
)
def test_server_without_the_page_is_a_fault(shell: Shell, log: Path, text: str, fault: str) -> None:
    outcome = serve(text, shell, log, says="numbers", timeout_seconds=3)
    assert outcome.fault.endswith(fault)
    assert outcome.seconds < 10
