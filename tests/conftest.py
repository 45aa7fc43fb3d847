"""What holds for every test: the marker `slow`, and the order in which files are handed out."""

import gc
import inspect
import multiprocessing.util
import os
import signal
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, ModuleType

import pytest

from tests import fork_server, unsynced
from tests.costs import SECONDS, SLOW_FILE

ROOT = Path(__file__).parents[1]
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # programs keep it ignored, which `nohup` asks for
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # programs find what others have compiled
fork_server.install()
unsynced.install()
# whoever calls one of these starts a process; calls through helpers of ours are followed
STARTERS = {
    # a whole training: seconds each, hundreds of them
    *("sagan.training.train", "sagan.training.run.run_training"),
    *(
        "sagan.comparison.runner.run_comparison",
        "sagan.metrics.features.classifier.obtain_classifier",
    ),
    *("subprocess", "multiprocessing", "multiprocessing.context", "concurrent.futures.process"),
    *("os.fork", "playwright.sync_api"),
    *("nbclient.client.NotebookClient", "sagan.training.launch.torchelastic.launch"),
    *("sagan.tuning.run.tune", "sagan.processes.supervisor", "sagan.processes.child"),
}
# what libraries ask the system for, in milliseconds
BRIEF = {"fc-list", "git", "uname"}

_started: list[str] = []


@pytest.fixture(scope="session")
def small_store(tmp_path_factory: pytest.TempPathFactory) -> object:
    """The small shards that all packages share; nothing changes them."""
    from tests.small_world import small_shards

    return small_shards(tmp_path_factory.mktemp("small_store"))


@pytest.fixture(scope="session")
def grey_store(tmp_path_factory: pytest.TempPathFactory) -> object:
    """The same images as shards of one channel."""
    from tests.small_world import small_shards

    return small_shards(tmp_path_factory.mktemp("grey_store"), channels=1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what starts a process, trains or is costly as slow; costly files are handed out first.

    Files of unknown cost follow in their own order. With `--no-loadscope-reorder` pytest-xdist
    keeps this order; its own would start the files of few tests, the slowest here, last.
    """
    for item in items:
        costly = SECONDS.get(_file(item.nodeid), 0) >= SLOW_FILE
        if costly or (isinstance(item, pytest.Function) and _starts_a_process(item)):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: -SECONDS.get(_file(item.nodeid), 0))


def pytest_collection_finish() -> None:
    """Leave what imports and collection made, millions of objects, out of each later collection."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Collect them at the end after all: some libraries tell of objects that nobody freed."""
    gc.unfreeze()


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0].removeprefix("tests/")


def _starts_a_process(item: pytest.Function) -> bool:
    """Whether the test, a fixture that it asks for, or a helper of theirs calls a starter."""
    fixtures = [one.func for defs in item._fixtureinfo.name2fixturedefs.values() for one in defs]
    return any(map(_calls_a_starter, [item.function, *fixtures]))


_known: dict[Callable, bool] = {}


def _calls_a_starter(function: Callable) -> bool:
    function = inspect.unwrap(function)
    if function not in _known:
        _known[function] = False  # of a recursion
        _known[function] = any(map(_is_starter, _named_in(function)))
    return _known[function]


def _named_in(function: Callable) -> Iterator[object]:
    """The globals that a function's code, or that of functions inside it, names."""
    if inspect.isclass(function):
        for method in filter(inspect.isfunction, vars(function).values()):
            yield from _named_in(method)
        return
    codes: list[CodeType] = [function.__code__] if inspect.isfunction(function) else []
    while codes:
        code = codes.pop()
        codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        values = [function.__globals__.get(name) for name in code.co_names]
        yield from values
        # `os.fork`, or what a function imports for itself
        modules = [value for value in values if isinstance(value, ModuleType)]
        modules += [sys.modules[name] for name in code.co_names if name in sys.modules]
        for module in modules:
            yield module
            yield from (vars(module).get(name) for name in code.co_names)


def _is_starter(value: object) -> bool:
    if isinstance(value, ModuleType):
        return value.__name__ in STARTERS
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        return False
    if f"{module.replace('posix', 'os')}.{name}" in STARTERS or module in STARTERS:
        return True
    return module.startswith(("tests.", "benchmarks.")) and _calls_a_starter(value)


def _watch(event: str, arguments: tuple) -> None:
    if event == "subprocess.Popen":
        _started.append(Path(str(arguments[0])).name)
    elif event == "os.fork":
        _started.append(event)


_spawn = multiprocessing.util.spawnv_passfds


def _spawned(path: bytes, *rest: object) -> int:
    _started.append("multiprocessing")  # which tells no audit hook
    return _spawn(path, *rest)


multiprocessing.util.spawnv_passfds = _spawned


def pytest_configure(config: pytest.Config) -> None:
    """Watch where it is asked for: a look at each of Python's events takes its time."""
    if config.option.markexpr == "not slow":
        sys.addaudithook(_watch)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fail a test of `make test-fast` that starts a process: it lacks the marker."""
    _started.clear()
    result = yield
    if item.config.option.markexpr == "not slow":
        started = [name for name in _started if name not in BRIEF]
        assert not started, f"starts {started}: mark it with pytest.mark.slow"
    return result


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the seconds of the costliest files, as `tests/costs.py` keeps them."""
    seconds: dict[str, float] = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                seconds[_file(report.nodeid)] += report.duration
    costly = sorted(((s, file) for file, s in seconds.items() if s >= 5), reverse=True)
    if terminalreporter.config.option.durations is not None and costly:
        terminalreporter.section("files of 5 seconds and more")
        for total, file in costly:
            terminalreporter.write_line(f'    "{file}": {total:.0f},')
