"""Real child processes: killed, stopped, failing, left alone by their parent."""

import logging
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from sagan.processes import supervisor
from sagan.processes.child import Task
from sagan.processes.signals import TrainingInterrupted
from sagan.processes.supervisor import ChildError, ChildExit, Supervisor, run_in_child
from tests.processes.targets import (
    fail,
    hang,
    kill_itself_once,
    lose_the_gpu_once,
    supervise,
    touch_and_raise_on_signal,
    warn,
    work,
    write_gpu,
)


def all_exits(children: Supervisor) -> list:
    found = []
    while children:
        found += children.wait()
    return sorted(found)


def within(seconds: float, condition) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def pids(folder: Path, mark: str) -> list[int]:
    return [int(path.name.partition("-")[2]) for path in folder.glob(f"{mark}-*")]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_each_slot_sees_its_gpu_and_the_parent_all(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-5")
    with Supervisor() as children:
        for number in range(3):
            children.start(Task(f"{number}", write_gpu, (tmp_path / f"{number}",)))
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "3,GPU-5"
        assert [end.status for end in all_exits(children)] == [0] * 3
    seen = [(tmp_path / f"{number}").read_text() for number in range(3)]
    assert seen == ["3", "GPU-5", "3"]


def test_without_gpus_nothing_is_set(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    run_in_child(Task("alone", write_gpu, (tmp_path / "gpu",)))
    assert (tmp_path / "gpu").read_text() == "all"
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_warnings_arrive_once_with_the_childs_name(caplog):
    with caplog.at_level(logging.INFO), Supervisor() as children:
        children.start(Task("first", warn, ("100 %s",)))
        children.start(Task("second", warn, ("wool",)))
        all_exits(children)
    assert sorted(caplog.messages) == ["first: 100 %s warned", "second: wool warned"]


def test_a_log_file_takes_all_output(tmp_path, caplog):
    path = tmp_path / "logs" / "child.log"
    for _ in range(2):
        run_in_child(Task("first", warn, ("wool",), path))
    assert caplog.messages == []
    lines = path.read_text().splitlines()
    assert [line.partition("wool ")[2] for line in lines] == [
        "printed",
        "at level info",
        "warned",
    ] * 2


@pytest.mark.parametrize(
    ("kind", "expected", "logged"),
    [(ValueError, "no luck", 0), (ZeroDivisionError, "ZeroDivisionError: no luck", 1)],
)
def test_what_a_child_raises_is_told(caplog, kind, expected, logged):
    with Supervisor() as children:
        children.start(Task("unlucky", fail, (kind, "no\n luck")))
        (end,) = all_exits(children)
    assert (end.name, end.status, end.error, end.killed_by) == ("unlucky", 1, expected, 0)
    assert len(caplog.records) == logged
    assert all("Traceback" in text for text in caplog.messages)
    with pytest.raises(ChildError, match=f"unlucky: {expected}"):
        run_in_child(Task("unlucky", fail, (kind, "no luck")))


def test_a_device_with_a_number_is_seen_among_all(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-5")
    run_in_child(Task("named", write_gpu, (tmp_path / "gpu",), devices=("cpu", "cuda:1")))
    assert (tmp_path / "gpu").read_text() == "3,GPU-5"


def test_a_child_that_lost_its_gpu_is_replaced(tmp_path, caplog):
    with Supervisor(replacements=1) as children:
        children.start(Task("first", lose_the_gpu_once, (tmp_path / "first",)))
        assert [end.status for end in all_exits(children)] == [0]
    assert caplog.messages == ["first lost its GPU; a new one replaces it"]


def test_out_of_memory_is_supposed_of_signal_9_alone():
    ends = [str(ChildExit("one", -number, "")) for number in (9, 6, 11, 40)]  # 40 has no name
    assert ["memory" in end for end in ends] == [True, False, False, False]
    assert ["NCCL" in end for end in ends] == [False, True, False, False]


def test_a_killed_child_is_replaced_as_often_as_is_allowed(tmp_path, caplog):
    with Supervisor(replacements=1) as children:
        children.start(Task("first", kill_itself_once, (tmp_path / "first",)))
        assert [end.status for end in all_exits(children)] == [0]
        assert caplog.messages == ["first was killed by signal 9; a new one replaces it"]
        children.start(Task("second", kill_itself_once, (tmp_path / "second",)))
        (end,) = all_exits(children)
    assert (end.status, end.killed_by) == (-9, 9)
    assert "signal 9" in str(end)


def test_a_child_stopped_by_somebody_else_was_killed(tmp_path):
    with Supervisor() as children:
        children.start(Task("first", work, (tmp_path,)))
        within(30, lambda: pids(tmp_path, "begun"))
        os.kill(pids(tmp_path, "begun")[0], signal.SIGTERM)
        (end,) = all_exits(children)
    assert (end.status, end.killed_by) == (75, signal.SIGTERM)
    assert pids(tmp_path, "saved") == pids(tmp_path, "begun")


def test_leaving_the_block_lets_children_save(tmp_path):
    with Supervisor() as children:
        children.start(Task("first", work, (tmp_path,)))
        children.start(Task("second", work, (tmp_path,)))
        within(30, lambda: len(pids(tmp_path, "begun")) == 2)
    assert not any(map(alive, pids(tmp_path, "begun")))
    assert sorted(pids(tmp_path, "saved")) == sorted(pids(tmp_path, "begun"))


@pytest.mark.parametrize("delay_seconds", [0.0, 0.05, 0.15, 0.3])
def test_a_stop_while_a_child_starts_is_kept_until_it_listens(tmp_path, delay_seconds):
    with Supervisor() as children:
        children.start(Task("first", work, (tmp_path,)))
        process = children._children[0].process
        time.sleep(delay_seconds)
    assert process.exitcode == 75


def test_a_target_without_handlers_is_left_by_an_exception(tmp_path):
    with Supervisor() as children:
        children.start(Task("first", touch_and_raise_on_signal, (tmp_path,)))
        within(30, lambda: pids(tmp_path, "begun"))
        process = children._children[0].process
    assert process.exitcode == 75


def test_a_child_that_does_not_end_is_killed_after_the_grace_period(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(supervisor, "GRACE_SECONDS", 0.5)
    with Supervisor() as children:
        children.start(Task("stubborn", hang, (tmp_path,)))
        within(30, lambda: pids(tmp_path, "begun"))
        process = children._children[0].process
    assert process.exitcode == -9
    assert caplog.messages == ["stubborn did not end within 0 s"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_no_child_outlives_its_parent(tmp_path, how):
    context = multiprocessing.get_context("spawn")
    parent = context.Process(target=supervise, args=(tmp_path, 2))
    parent.start()
    within(60, lambda: len(pids(tmp_path, "begun")) == 2)
    os.kill(parent.pid, how)
    parent.join()
    begun = pids(tmp_path, "begun")
    within(30, lambda: not any(map(alive, begun)))
    assert sorted(pids(tmp_path, "saved")) == sorted(begun)


def test_run_in_child_stops_when_it_is_asked_to(tmp_path, monkeypatch):
    def signalled(_children):
        within(30, lambda: pids(tmp_path, "begun"))
        os.kill(os.getpid(), signal.SIGTERM)
        return []

    monkeypatch.setattr(Supervisor, "wait", signalled)
    with pytest.raises(TrainingInterrupted):
        run_in_child(Task("first", work, (tmp_path,)))
    assert pids(tmp_path, "saved") == pids(tmp_path, "begun")
