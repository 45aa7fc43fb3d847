"""A PostgreSQL server of a test's own, on loopback, from Debian's package."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_INSTALLED = Path("/usr/lib/postgresql")


class NotInstalledError(Exception):
    """PostgreSQL cannot be started here; says why."""


def _programs() -> Path:
    found = shutil.which("initdb")
    versions = sorted(_INSTALLED.glob("*/bin/initdb"))
    if found:
        return Path(found).resolve().parent
    if versions:
        return versions[-1].parent
    raise NotInstalledError("no initdb: `apt-get install postgresql` puts it there")


def _as_user() -> list[str]:
    """The server refuses to run as root: Debian's user for it then."""
    if os.geteuid() != 0:
        return []
    runuser = shutil.which("runuser")
    try:
        import pwd

        pwd.getpwnam("postgres")
    except (KeyError, OSError) as error:
        raise NotInstalledError("this is root, and there is no user 'postgres'") from error
    if runuser is None:
        raise NotInstalledError("this is root, and there is no runuser")
    return [runuser, "-u", "postgres", "--"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(*, password: str) -> Iterator[str]:
    """Start a server whose user `tuner` needs the password; yields the URL of its database.

    Raises:
        NotInstalledError: it cannot be started here.
    """
    programs, user = _programs(), _as_user()
    # a folder of the server's own user at the top: below another's it could not be entered
    with tempfile.TemporaryDirectory(prefix="sagan-postgresql-", ignore_cleanup_errors=True) as own:
        if user:
            shutil.chown(own, "postgres", "postgres")
        with _running(Path(own), programs, user, password) as url:
            yield url


@contextmanager
def _running(folder: Path, programs: Path, user: list[str], password: str) -> Iterator[str]:
    secret = folder / "password"
    secret.write_text(password)
    secret.chmod(0o644)
    cluster, port = folder / "cluster", _free_port()

    def run(program: str, *words: str) -> None:
        done = subprocess.run(
            [*user, str(programs / program), *words],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stdout}")

    run(
        *("initdb", "-D", str(cluster), "-U", "tuner", "-A", "scram-sha-256"),
        *(f"--pwfile={secret}", "--no-sync", "--no-locale", "-E", "UTF8"),
    )
    options = f"-h 127.0.0.1 -p {port} -k '' -F -c fsync=off -c max_connections=40"
    run("pg_ctl", "-D", str(cluster), "-l", str(folder / "log"), "-w", "-o", options, "start")
    try:
        yield f"postgresql://tuner:{password}@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-D", str(cluster), "-m", "immediate", "-w", "stop")
