"""A fork server for the Python programs that tests start.

Most of a short program's time is the import of large libraries. A server process imports them once;
`install` makes `subprocess` and `multiprocessing` fork it in place of starting `python -m sagan`,
`kedro`, `dvc`, spawned children, and pytest-xdist's processes. Such a process differs from a
started one only in the modules that it has already, and in that it does not wait for the disk
(`tests.unsynced`): it is a child of the process that asked, with the words, environment, folder,
files, signals, session and limits that it would have. It has a server of its own for what it starts
in turn. All else, and everything in `real_starts`, is started as ever.
"""

import _posixsubprocess
import contextlib
import ctypes
import os
import pickle
import re
import resource
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

# what the programs import first, of libraries that keep no thread and no file open
NUMERIC = (
    *("torch._dynamo", "torch.optim", "torch.utils.checkpoint", "torchvision.transforms.v2"),
    *("torch.distributed.launcher.api", "torch.utils.tensorboard", "safetensors.torch"),
    *("scipy.stats", "scipy.linalg", "sklearn.datasets", "sklearn.metrics", "sklearn.neighbors"),
    *("matplotlib.pyplot", "PIL.Image", "yaml", "jinja2", "tqdm", "click", "rich.console"),
    *("pydantic.types", "pydantic.functional_validators", "pydantic.root_model", "optuna"),
    *("multiprocessing.spawn", "concurrent.futures.process"),
)
KEDRO = (
    *("pandas", "pyarrow.parquet", "omegaconf", "pluggy", "dynaconf", "fsspec", "s3fs"),
    *("rich.logging", "rich.traceback", "cookiecutter", "kedro.io", "kedro.pipeline"),
    *("great_expectations", "great_expectations.render.renderer"),
    *("dvc.cli", "dvc.commands.repro", "dvc.repo", "dvc.repo.reproduce", "dvc.stage.run"),
    *("scmrepo.git", "dulwich.porcelain", "pygit2", "git", "networkx"),
)
LIBRARIES = {
    "python": NUMERIC,
    "explore": (*NUMERIC, "gradio"),
    "pytest": (*NUMERIC, *KEDRO, "gradio"),
    "kedro": NUMERIC + KEDRO,
    "dvc": NUMERIC + KEDRO,
}
# of `python -m`, and the key of `LIBRARIES`
MODULES = {"sagan": "python", "benchmarks": "python", "kedro": "kedro", "dvc": "dvc"}
MODULES |= {"ipykernel_launcher": "kedro", "pytorch_fid": "python"}
# variables that are read when an interpreter or a library starts
_EARLY = re.compile(r"LD_|LC_|MALLOC_|PYTHON(?!PATH$|DONTWRITEBYTECODE$)")
_XDIST = "import sys;exec(eval(sys.stdin.readline()))"  # of a process that pytest-xdist starts
_SHELLS = {"sh", "dash", "bash", "zsh"}
_LIMITS = [number for name, number in vars(resource).items() if name.startswith("RLIMIT_")]
_SUBREAPER = 36  # of prctl(2)
_ROOT = Path(__file__).parents[1]
_start = _posixsubprocess.fork_exec


class Start(NamedTuple):
    """What a new process is."""

    program: str
    """Key of `LIBRARIES`."""
    words: list[str]
    """As in sys.orig_argv."""
    folder: str
    environment: dict[str, str]
    files: tuple[int, ...]
    """Numbers of the open files; sent beside it."""
    new_session: bool
    group: int
    umask: int
    ignored: set[int]
    """Numbers of signals."""
    blocked: set[int]
    limits: dict[int, tuple[int, int]]


def install() -> None:
    """Fork programs from here on; the server starts with the first of them."""
    # without a GPU: a process forked after a look at one could not use it
    if sys.platform == "linux" and not Path("/dev/nvidiactl").exists():
        _posixsubprocess.fork_exec = subprocess._fork_exec = _fork_exec


@contextlib.contextmanager
def real_starts() -> Iterator[None]:
    """Start every program of the block as ever."""
    before = _posixsubprocess.fork_exec
    _posixsubprocess.fork_exec = subprocess._fork_exec = _start
    try:
        yield
    finally:
        _posixsubprocess.fork_exec = subprocess._fork_exec = before


class Client:
    """The side of the process that starts others."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection, self.process = connection, os.getpid()
        self.session, self.lock = os.getsid(0), threading.Lock()
        self.early = _early(os.environ)

    def can(self, environment: dict[str, str]) -> bool:
        """Whether a forked process is what a started one would be."""
        mine = self.process == os.getpid() and self.session == os.getsid(0)
        return mine and _early(environment) == self.early

    def fork(self, start: Start, files: list[int]) -> int:
        """The process id of a child of this process."""
        message = pickle.dumps(start)
        with self.lock, _adopting():
            header = struct.pack("I", len(message))
            socket.send_fds(self.connection, [header], files)
            self.connection.sendall(message)
            return int(struct.unpack("i", receive(self.connection, 4))[0])


connections: list[Client] = []  # at most one


def _early(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if _EARLY.match(name)}


@contextlib.contextmanager
def _adopting() -> Iterator[None]:
    """Become the parent of descendants whose own has ended."""
    prctl = ctypes.CDLL(None).prctl
    prctl(_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(_SUBREAPER, 0, 0, 0, 0)


def receive(connection: socket.socket, size: int) -> bytes:
    """So many bytes.

    Raises:
        EOFError: where the other side has ended.
    """
    received = b""
    while len(received) < size:
        if not (part := connection.recv(size - len(received))):
            raise EOFError("the fork server has ended")
        received += part
    return received


def _fork_exec(*values) -> int:
    """`_posixsubprocess.fork_exec`: takes its arguments, by place."""
    words, executables, _, kept, folder, environment = values[:6]
    read, write, error = values[6], values[9], values[11]
    special = any(value not in (None, -1) for value in (*values[17:20], values[21]))
    names = dict(os.environ)
    if environment is not None:
        names = dict(os.fsdecode(pair).split("=", 1) for pair in environment)
    folder = Path.cwd() / os.fsdecode(folder or "")
    found = _program([os.fsdecode(word) for word in words], executables, folder, names)
    if special or found is None or not folder.is_dir():
        return _start(*values)
    client = _connected()
    if not client.can(names):
        return _start(*values)
    own = [fd if fd >= 0 else place for place, fd in enumerate((read, write, error))]
    passed = [fd for fd in kept if fd != values[13]]  # without the pipe that tells of a failed exec
    start = Start(
        *found,
        folder=str(folder),
        environment=names,
        files=(0, 1, 2, *passed),
        new_session=bool(values[15]),
        group=values[16] if values[16] > 0 else 0 if values[16] == 0 else os.getpgid(0),
        umask=values[20] if values[20] >= 0 else _umask(),
        ignored={n for n in signal.valid_signals() if signal.getsignal(n) is signal.SIG_IGN},
        blocked=set(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        limits={number: resource.getrlimit(number) for number in _LIMITS},
    )
    return client.fork(start, own + passed)


def _umask() -> int:
    os.umask(before := os.umask(0))
    return before


def _program(
    words: list[str], executables: Iterable, folder: Path, environment: dict[str, str]
) -> tuple[str, list[str]] | None:
    """The program and its words where it is one of ours; None: start it."""
    if (
        Path(words[0]).name in _SHELLS
        and words[-2] == "-c"
        and re.match(r"[\w./=@ -]+$", words[-1])
    ):
        words = shlex.split(words[-1])
        found = shutil.which(words[0], path=environment.get("PATH"))
    else:
        paths = [str(folder / os.fsdecode(one)) for one in executables]
        found = next((path for path in paths if os.access(path, os.X_OK)), None)
    if found is None or Path(found).parent != Path(sys.executable).parent:
        return None
    name, rest = Path(found).name, words[1:]
    if name in {"kedro", "dvc"}:
        return name, [sys.executable, found, *rest]
    while rest and rest[0] in {"-B", "-s", "-u"}:
        rest = rest[1:]
    libraries = _libraries(rest) if name.startswith("python") else None
    return libraries and (libraries, [sys.executable, *rest])


def _libraries(words: list[str]) -> str | None:
    """Key of `LIBRARIES` for what an interpreter is to run; None: start it."""
    match words:
        case ["-m", "sagan", "explore", *_]:
            return "explore"
        case ["-m", module, *_] if module.partition(".")[0] in MODULES:
            return MODULES[module.partition(".")[0]]
        case ["-c", code, *_] if code == _XDIST:
            return "pytest"
        case ["-c", _, *_, "--multiprocessing-fork"]:
            return "python"
        case [script, *_] if script.endswith(".py"):
            return "python"
    return None


def _connected() -> Client:
    """A client of a server of this process."""
    if not connections:
        ours, theirs = socket.socketpair()
        code = f"import sys; sys.path[0] = {str(_ROOT)!r}; from tests import forked_program; "
        code += f"del sys.path[0]; forked_program.begin({theirs.fileno()})"
        names = {
            n: v for n, v in os.environ.items() if n not in {"PYTHONPATH", "COVERAGE_PROCESS_START"}
        }
        names |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        # room in which a process shows its own words
        words = [sys.executable, "-c", code, " " * 8000]
        with real_starts(), theirs:
            process = subprocess.Popen(
                words, env=names, cwd="/", stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
            )
        process.returncode = 0  # it ends with this process; nobody waits for it
        connections.append(Client(ours))
    return connections[0]
