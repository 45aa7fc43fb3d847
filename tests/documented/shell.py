"""One command as a user's shell runs it: folder and variables go on to the next one."""

import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field, replace
from pathlib import Path

_ADDRESS = re.compile(rb"https?://(?:127\.0\.0\.1|localhost)(?::\d+)[^\s'\"<>\x1b]*")
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Shell:
    """Where a user's shell is, and the variables that it has."""

    folder: Path
    variables: dict[str, str] = field(repr=False)


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and the shell after it."""

    seconds: float
    fault: str  # empty: none
    shell: Shell


def run(
    text: str,
    shell: Shell,
    log: Path,
    *,
    good: tuple[int, ...] = (0,),
    timeout_seconds: float = 1800,
) -> Outcome:
    """Run a command to its end.

    Args:
        text: what is typed.
        shell: where.
        log: file for all that it prints.
        good: exit statuses that are no fault.
        timeout_seconds: after these it is killed, with all that it started.
    """
    folder, variables = log.with_suffix(".folder"), log.with_suffix(".variables")
    script = f'{text}\nstatus=$?\npwd > "{folder}"\nenv -0 > "{variables}"\nexit $status'
    begun = time.monotonic()
    with log.open("wb") as output:
        process = _start(script, shell, output)
        try:
            status = process.wait(timeout_seconds)
            fault = "" if status in good else f"status {status}"
        except subprocess.TimeoutExpired:
            fault = f"not done after {timeout_seconds:.0f} s"
        finally:
            if process.poll() is None:
                _stop(process, signal.SIGKILL)
    seconds = time.monotonic() - begun
    if not variables.is_file():
        return Outcome(seconds, fault, shell)
    pairs = (pair.partition("=") for pair in variables.read_text().split("\0") if pair)
    after = replace(
        shell,
        folder=Path(folder.read_text().rstrip("\n")),
        variables={name: value for name, _, value in pairs},
    )
    for path in (folder, variables):
        path.unlink()
    return Outcome(seconds, fault, after)


def serve(
    text: str, shell: Shell, log: Path, *, says: str, timeout_seconds: float = 600
) -> Outcome:
    """Start a server, wait until the page at the address that it prints answers, stop it.

    Args:
        text: what is typed.
        shell: where.
        log: file for all that it prints.
        says: what the page must have in it.
        timeout_seconds: until the page answers.
    """
    begun = time.monotonic()
    with log.open("wb") as output:
        process = _start(f"exec {text}", shell, output)
        try:
            fault = _wait_for_page(process, log, says, begun + timeout_seconds)
        finally:
            stopped = _stop(process, signal.SIGINT)
    if not fault and not stopped:
        fault = "it went on after SIGINT and SIGTERM, and was killed"
    return Outcome(time.monotonic() - begun, fault, shell)


def _start(script: str, shell: Shell, output: object) -> subprocess.Popen:
    # ignored here, as in a job in the background, SIGINT would be ignored by all that it starts
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            ["bash", "-c", script],
            cwd=shell.folder,
            env=shell.variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # signals reach what it starts, and nothing else
        )
    finally:
        signal.signal(signal.SIGINT, before)


def _wait_for_page(process: subprocess.Popen, log: Path, says: str, deadline: float) -> str:
    """Empty once the page is there; else what is wrong."""
    fault = "it printed no address"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return f"ended with status {process.returncode}"
        for address in dict.fromkeys(_ADDRESS.findall(log.read_bytes())):
            fault = _fault_of_page(address.decode().rstrip(".,)"), says)
            if not fault:
                return ""
        time.sleep(0.5)
    return fault


def _fault_of_page(address: str, says: str) -> str:
    try:
        with _DIRECT.open(address, timeout=10) as answer:
            page = answer.read().decode(errors="replace")
    except (OSError, urllib.error.URLError) as error:
        return f"{address}: {error}"
    return "" if says in page else f"{address}: the page does not say '{says}'"


def _stop(process: subprocess.Popen, first: signal.Signals) -> bool:
    """End it and all of its session; whether that took no more than being asked."""
    for number, seconds in ((first, 15), (signal.SIGTERM, 15), (signal.SIGKILL, 15)):
        _signal(process, number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        _signal(process, signal.SIGKILL)  # what it left behind
        return number != signal.SIGKILL
    return False


def _signal(process: subprocess.Popen, number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return
