"""The lock of a folder that one process works in."""

import errno
import fcntl
import os
import signal
import socket

import pytest

from sagan.processes import lock
from sagan.processes.lock import HOLDER, FolderInUseError, exclusive_folder


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(lock, "_LEAVING_SECONDS", 0.0)


def test_a_second_holder_is_told_who_the_first_is(tmp_path):
    with exclusive_folder(tmp_path):
        with pytest.raises(FolderInUseError) as refused, exclusive_folder(tmp_path):
            pytest.fail("held twice")
        assert f"process {os.getpid()} on {socket.gethostname()} since 2" in str(refused.value)
    with exclusive_folder(tmp_path):
        assert (tmp_path / HOLDER).read_text().startswith(f"process {os.getpid()} ")


def test_those_who_share_a_folder_may_hold_it_in_turn(tmp_path):
    """As the other files there: by the user's own mask."""
    before = os.umask(0o002)
    try:
        with exclusive_folder(tmp_path):
            assert (tmp_path / HOLDER).stat().st_mode & 0o777 == 0o664
    finally:
        os.umask(before)


def test_machines_of_one_job_do_not_exclude_each_other(tmp_path):
    with exclusive_folder(tmp_path, "night") as first:
        with exclusive_folder(tmp_path, "night") as second:
            assert (first, second) == (True, False)
        for other in ("day", ""):
            with (
                pytest.raises(FolderInUseError, match="for night"),
                exclusive_folder(tmp_path, other),
            ):
                pytest.fail("held twice")


def test_kill_9_frees_it(tmp_path):
    receiving, sending = os.pipe()
    if not (child := os.fork()):
        with exclusive_folder(tmp_path):
            os.write(sending, b".")
            signal.pause()
    os.read(receiving, 1)
    with pytest.raises(FolderInUseError, match=f"process {child} "), exclusive_folder(tmp_path):
        pytest.fail("held twice")

    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)

    with exclusive_folder(tmp_path):
        pass
    for end in (receiving, sending):
        os.close(end)


def test_a_file_system_without_locks_is_one_warning(tmp_path, monkeypatch, caplog):
    def unsupported(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with exclusive_folder(tmp_path):
        pass
    assert len(caplog.messages) == 1
    assert "cannot be locked" in caplog.text
