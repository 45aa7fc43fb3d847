"""The server of `tests.fork_server`, and how a process that it forks becomes the program."""

import atexit
import contextlib
import ctypes
import gc
import importlib
import io
import multiprocessing.process
import os
import pickle
import resource
import runpy
import signal
import socket
import struct
import sys
import threading
import traceback
from pathlib import Path
from types import ModuleType, TracebackType
from typing import NoReturn

from tests import unsynced
from tests.fork_server import LIBRARIES, Client, Start, connections, install, receive


def begin(descriptor: int) -> NoReturn:
    """Be a server's first process: no signal ends it, only the end of its client."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    sys.modules["rfc3987_syntax"] = None  # which sagan.validation leaves out as well
    unsynced.install()
    serve(descriptor)


def serve(descriptor: int) -> NoReturn:
    """Fork a process for each message, until the other side has ended."""
    connection = socket.socket(fileno=descriptor)
    while True:
        header, files, *_ = socket.recv_fds(connection, 4, 250)
        if not header:
            os._exit(0)
        start: Start = pickle.loads(receive(connection, struct.unpack("I", header)[0]))
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
        if os.fork():
            os._exit(0)
        try:  # who asked may signal the group of what it has started
            _join(start)
        finally:
            os.write(tell, struct.pack("i", os.getpid()))
        os.close(go)
        os.read(wait, 1)
        _become(start, files)
    os.waitpid(middle, 0)
    (child,) = struct.unpack("i", os.read(told, 4))
    for end in (told, tell, wait, go):
        os.close(end)
    return int(child)


def _join(start: Start) -> None:
    """Be in the session and the group that were asked for."""
    if start.new_session:
        os.setsid()
    elif os.getpgid(0) != start.group:
        os.setpgid(0, start.group)


def _become(start: Start, files: list[int]) -> NoReturn:
    """Be the process that was asked for."""
    status = 127
    try:
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
        connections[:] = [Client(socket.socket(fileno=last))]
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
    if backend := "matplotlib" in sys.modules and start.environment.get("MPLBACKEND"):
        sys.modules["matplotlib"].rcParams["backend"] = backend  # which it read when imported
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
