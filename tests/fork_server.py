"""A fork server for the Python programs that tests start.

Most of a short program's time is the import of large libraries. A server process imports them once;
`install` makes `subprocess` and `multiprocessing` fork it in place of starting `python -m sagan`,
`kedro`, `dvc`, spawned children, and pytest-xdist's processes. Such a process differs from a
started one only in the modules that it has already: it is a child of the process that asked, with
the words, environment, folder, files, signals, session and limits that it would have. It has a
server of its own for what it starts in turn. All else, and everything in `real_starts`, is started
as ever.
"""

import _posixsubprocess
import atexit
import contextlib
import ctypes
import gc
import importlib
import io
import multiprocessing.process
import os
import pickle
import re
import resource
import runpy
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType, TracebackType
from typing import NamedTuple, NoReturn

# what the programs import first, of libraries that keep no thread and no file open
NUMERIC = (
    *("torch._dynamo", "torch.optim", "torch.utils.checkpoint", "torchvision.transforms.v2"),
    *("torch.distributed.launcher.api", "torch.utils.tensorboard", "safetensors.torch"),
    *("scipy.stats", "scipy.linalg", "sklearn.datasets", "sklearn.metrics", "sklearn.neighbors"),
    *("matplotlib.pyplot", "PIL.Image", "yaml", "jinja2", "tqdm", "click", "rich.console"),
    *("pydantic", "optuna", "multiprocessing.spawn", "concurrent.futures.process"),
)
KEDRO = (
    *("pandas", "pyarrow.parquet", "omegaconf", "pluggy", "dynaconf", "fsspec", "s3fs"),
    *("rich.logging", "rich.traceback", "cookiecutter", "kedro.io", "kedro.pipeline"),
    *("great_expectations", "great_expectations.render.renderer"),
    *("dvc.cli", "dvc.commands.repro", "dvc.repo", "dvc.repo.reproduce", "dvc.stage.run"),
)
LIBRARIES = {
    "python": NUMERIC,
    "explore": (*NUMERIC, "gradio"),
    "kedro": NUMERIC + KEDRO,
    "dvc": NUMERIC + KEDRO,
}
MODULES = {"sagan", "benchmarks", "kedro"}  # of `python -m`
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


class _Client:
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
            return int(struct.unpack("i", _receive(self.connection, 4))[0])


_connections: list[_Client] = []  # at most one


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


def _receive(connection: socket.socket, size: int) -> bytes:
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
            return "kedro" if module.startswith("kedro") else "python"
        case ["-c", code, *_] if code == _XDIST:
            return "kedro"
        case ["-c", _, *_, "--multiprocessing-fork"]:
            return "python"
        case [script, *_] if script.endswith(".py"):
            return "python"
    return None


def _connected() -> _Client:
    """A client of a server of this process."""
    if not _connections:
        ours, theirs = socket.socketpair()
        code = f"import sys; sys.path[0] = {str(_ROOT)!r}; from tests import fork_server; "
        code += f"del sys.path[0]; fork_server.begin({theirs.fileno()})"
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
        _connections.append(_Client(ours))
    return _connections[0]


def begin(descriptor: int) -> NoReturn:
    """Be a server's first process: no signal ends it, only the end of its client."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    sys.modules["rfc3987_syntax"] = None  # which sagan.validation leaves out as well
    serve(descriptor)


def serve(descriptor: int) -> NoReturn:
    """Fork a process for each message, until the other side has ended."""
    connection = socket.socket(fileno=descriptor)
    while True:
        header, files, *_ = socket.recv_fds(connection, 4, 250)
        if not header:
            os._exit(0)
        start: Start = pickle.loads(_receive(connection, struct.unpack("I", header)[0]))
        for module in LIBRARIES[start.program]:
            if module not in sys.modules:
                with contextlib.suppress(ImportError):
                    importlib.import_module(module)
        gc.freeze()  # pages that nobody writes to stay shared
        child = _fork(start, files)
        for file in files:
            os.close(file)
        connection.sendall(struct.pack("i", child))


def _fork(start: Start, files: list[int]) -> int:
    """Fork a process whose parent ends at once: the one that asked becomes its parent."""
    (told, tell), (wait, go) = os.pipe(), os.pipe()
    if not (middle := os.fork()):
        if child := os.fork():
            os.write(tell, struct.pack("i", child))
            os._exit(0)
        os.close(go)
        os.read(wait, 1)
        _become(start, files)
    os.waitpid(middle, 0)
    (child,) = struct.unpack("i", os.read(told, 4))
    for end in (told, tell, wait, go):
        os.close(end)
    return int(child)


def _become(start: Start, files: list[int]) -> NoReturn:
    """Be the process that was asked for."""
    status = 127
    try:
        if start.new_session:
            os.setsid()
        elif os.getpgid(0) != start.group:
            os.setpgid(0, start.group)
        ours, theirs = socket.socketpair()
        if not os.fork():
            nothing = os.open(os.devnull, os.O_RDWR)
            _place([nothing, nothing, nothing, theirs.fileno()], (0, 1, 2, 3))
            serve(3)
        last = max(start.files) + 1
        _place([*files, ours.fileno()], (*start.files, last))
        os.set_inheritable(last, False)
        for one in (ours, theirs):
            one.detach()
        _take_place(start)
        _connections[:] = [_Client(socket.socket(fileno=last))]
        install()
        status = _run(start.words)
    except BaseException:
        traceback.print_exc()
    os._exit(status)


def _place(files: list[int], numbers: tuple[int, ...]) -> None:
    """Give open files these numbers, and close all others."""
    base = max(*numbers, *files) + 1
    for place, file in enumerate(files):
        os.dup2(file, base + place)
    os.closerange(0, base)
    for place, number in enumerate(numbers):
        os.dup2(base + place, number)
    os.closerange(base, base + len(files))


def _take_place(start: Start) -> None:
    """Folder, environment, limits, words and signals of the process that was asked for."""
    os.chdir(start.folder)
    os.umask(start.umask)
    os.environ.clear()
    os.environ.update(start.environment)
    for number, limit in start.limits.items():
        if resource.getrlimit(number) != limit:
            resource.setrlimit(number, limit)
    _show([*start.words])
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    multiprocessing.process.ORIGINAL_DIR = start.folder
    _open_streams()
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        ignored = number in start.ignored or number in {signal.SIGPIPE, signal.SIGXFSZ}
        with contextlib.suppress(OSError):  # the C library's own
            signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL)
    if signal.SIGINT not in start.ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, start.blocked)


def _open_streams() -> None:
    """Standard streams anew: those of the server know what its own files can do."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        old = getattr(sys, name)
        binary = open(number, "wb" if number else "rb", closefd=False)  # noqa: SIM115 - for good
        lines = number == 2 or (number == 1 and os.isatty(number))
        stream = io.TextIOWrapper(
            binary, old.encoding, old.errors, line_buffering=lines, write_through=old.write_through
        )
        stream.mode = "w" if number else "r"
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _show(words: list[str]) -> None:
    """Write the words to where /proc/self/cmdline reads them."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    first, end = int(fields[45]), int(fields[46])
    text = b"\0".join(map(os.fsencode, words))[: end - first - 1]
    ctypes.memset(first, 0, end - first)
    ctypes.memmove(first, text, len(text))


def _run(words: list[str]) -> int:
    """Run the program as the interpreter would; its exit status."""
    sys.orig_argv = words
    main = sys.modules["__main__"] = ModuleType("__main__")
    main.__builtins__ = sys.modules["builtins"]
    option, *rest = words[1:]
    first = {"-m": str(Path.cwd()), "-c": ""}.get(option, str(Path(option).absolute().parent))
    added = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:0] = [first, *(str(Path(one).absolute()) for one in added)]
    importlib.invalidate_caches()
    status = 0
    try:
        if option == "-m":
            sys.argv = ["-m", *rest[1:]]
            runpy._run_module_as_main(rest[0])
        elif option == "-c":
            sys.argv = ["-c", *rest[1:]]
            exec(rest[0], vars(main))
        else:
            sys.argv = [option, *rest]
            main.__file__ = option
            exec(compile(Path(option).read_bytes(), option, "exec"), vars(main))
    except SystemExit as end:
        status = _exit_status(end)
    except BaseException as error:
        error.__traceback__ = _without_ours(error)
        sys.excepthook(type(error), error, error.__traceback__)
        status = -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    return _end(status)


def _exit_status(end: SystemExit) -> int:
    if end.code is None or isinstance(end.code, int):
        return (end.code or 0) & 255
    sys.stderr.write(f"{end.code}\n")
    return 1


def _without_ours(error: BaseException) -> TracebackType | None:
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return trace


def _end(status: int) -> int:
    """What the interpreter does at its end; a negative status is a signal's."""
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status
