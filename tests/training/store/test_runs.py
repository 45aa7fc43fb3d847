"""What runs take of the disk, and the removal of those that are not needed."""

import json
import os
import time

import pytest

from sagan.training import train
from sagan.training.store import runs
from sagan.training.store.runs import format_size
from tests.program import program

prune = program("train", "prune")

DAY = 86_400


def make_run(workspace, name, *, complete, days_ago, size_bytes=1000):
    folder = workspace / name
    folder.mkdir()
    files = {"identity.json": "{}", "checkpoint-000000000024.json": "{}"}
    files["checkpoint-000000000024.pt"] = "x" * size_bytes
    if complete:
        files["summary.json"] = json.dumps({"images_seen": 40})
    when = time.time() - days_ago * DAY
    for file, text in files.items():
        (folder / file).write_text(text)
        os.utime(folder / file, (when, when))


@pytest.fixture
def workspace(tmp_path):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    make_run(folder, "aaa111", complete=True, days_ago=3)
    make_run(folder, "bbb222", complete=True, days_ago=1)
    make_run(folder, "ccc333", complete=False, days_ago=2)
    make_run(folder, "ddd444", complete=True, days_ago=4)
    (folder / "features").mkdir()  # no run
    (folder / "features" / "kept.npz").write_text("x")
    return folder


def names(workspace):
    return sorted(path.name for path in workspace.iterdir())


def test_a_run_is_listed_with_its_name(tiny, shards, tmp_path, capsys):
    """The latest one given; the run is the same."""
    for name in ("wide", "wider discriminator"):
        train(tiny(total_images=8, run_name=name), shards, tmp_path)
    capsys.readouterr()
    assert prune([str(tmp_path)]) == 0
    line, end = capsys.readouterr().out.splitlines()
    assert line.endswith("complete            wider discriminator")
    assert end.startswith("0 of 1 runs")


def test_what_would_be_removed_is_listed_and_stays(workspace, capsys):
    before = names(workspace)
    assert prune([str(workspace)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said[:4]] == ["bbb222", "ccc333", "aaa111", "ddd444"]
    assert [line.endswith("remove") for line in said[:4]] == [False, False, True, True]
    assert "24 images" in said[1]
    assert "unfinished" in said[1]
    assert "40 images" in said[2]
    assert said[4].startswith("2 of 4 runs")
    assert said[4].endswith(" MB to remove; --yes removes them")
    assert max(map(len, said[:4])) <= 80
    assert names(workspace) == before


def test_complete_runs_but_the_last_used_are_removed(workspace):
    assert prune([str(workspace), "--keep", "2", "--yes"]) == 0
    assert names(workspace) == ["aaa111", "bbb222", "ccc333", "features"]
    assert prune([str(workspace), "--yes"]) == 0
    assert names(workspace) == ["bbb222", "ccc333", "features"]


def test_a_folder_without_runs_is_told(tmp_path, capsys):
    assert prune([str(tmp_path)]) == 1
    assert f"no training run in {tmp_path}; expected a folder of runs" in capsys.readouterr().err


def test_sizes_have_a_unit_that_suits_them():
    assert [format_size(size) for size in (4_200_000, 2_345_000_000)] == ["4.2 MB", "2.35 GB"]


def test_a_folder_that_is_not_there_is_told(workspace, capsys):
    assert prune([str(workspace / "none")]) == 1
    assert "no such folder" in capsys.readouterr().err


def test_a_comparisons_runs_are_left_to_it(workspace, capsys):
    (workspace.parent / "rows").mkdir()
    before = names(workspace)
    assert prune([str(workspace), "--yes"]) == 1
    assert "a comparison's runs" in capsys.readouterr().err
    assert names(workspace) == before


def test_a_removal_that_was_cut_short_is_finished_by_the_next(workspace):
    (workspace / "ddd444").rename(workspace / ".ddd444.removing")
    assert [run.name for run in runs.runs_in(workspace)] == ["bbb222", "ccc333", "aaa111"]
    assert prune([str(workspace), "--yes"]) == 0
    assert names(workspace) == ["bbb222", "ccc333", "features"]


def test_runs_of_the_training_are_found_and_their_size_is_told(
    tiny, shards, tmp_path, caplog, monkeypatch
):
    result = train(tiny(total_images=12), shards, tmp_path)
    (run,) = runs.runs_in(tmp_path)
    assert (run.name, run.complete) == (result.summary["fingerprint"]["run"], True)
    assert run.images_seen == 12
    assert run.size_bytes > 10_000
    caplog.clear()
    with caplog.at_level("INFO"):
        runs.log_disk_usage(tmp_path)
        assert not caplog.messages
        monkeypatch.setattr(runs, "LOGGED_BYTES", run.size_bytes)
        runs.log_disk_usage(tmp_path)
    assert "of 1 runs take" in caplog.messages[0]
    assert "sagan train prune" in caplog.messages[1]
