import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.documented import __main__ as program
from tests.documented import between, clone, session, tables
from tests.documented.clone import environment, fresh_clone, git, share_environment
from tests.documented.pages import ROOT, Command
from tests.documented.session import Session, filled, lightened
from tests.documented.world import NotHereError, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Around a clone of nothing."""
    project = tmp_path / "project"
    (project / ".dvc").mkdir(parents=True)
    (tmp_path / "logs").mkdir()
    git(project, "init", "--quiet")
    (project / "tracked").write_text("as committed\n")
    git(project, "add", "tracked")
    git(project, "commit", "--quiet", "-m", "all")
    variables = environment(tmp_path / "home", project, shared=True)
    return World(tmp_path, project, variables, ExitStack())


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A commit of conf/ and no more, as what is cloned: the tests may run without Git's folder."""
    folder = tmp_path / "repository"
    shutil.copytree(ROOT / "conf", folder / "conf", ignore=shutil.ignore_patterns("local"))
    git(folder, "init", "--quiet", "--initial-branch=work")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "all")
    monkeypatch.setattr(clone, "ROOT", folder)
    return folder


def states(world: World, *texts: str, page: str = "a.md", block: int | None = 0) -> list[str]:
    commands = [Command(page, n, text, block) for n, text in enumerate(texts, start=1)]
    day = Session(world, fetch=False)
    return [f"{result.state} {result.why}".strip() for result in day.work_off(commands)]


def test_a_block_is_one_shell_and_the_next_a_new_one(world: World) -> None:
    (world.project / "below").mkdir()
    commands = [
        Command("a.md", 1, "cd below", 0),
        Command("a.md", 2, "test $(basename $PWD) = below", 0),
        Command("a.md", 3, "test $(basename $PWD) = below", 1),
    ]
    results = list(Session(world, fetch=False).work_off(commands))
    assert [result.state for result in results] == ["ok", "ok", "failed"]
    assert results[2].why.startswith("status 1")


def test_a_failure_shows_the_end_of_what_was_printed(world: World) -> None:
    (said,) = states(world, "seq 1 100; exit 3")
    assert said.splitlines()[0] == "failed status 3"
    assert [line.strip() for line in said.splitlines()[1:]] == [str(n) for n in range(86, 101)]


def test_sentences_repeat_what_was_typed_before(world: World) -> None:
    assert states(world, "true", "true", block=None) == ["ok", "repeated as a.md:1"]
    assert states(world, "true", "true", block=0) == ["ok", "ok"]


def test_what_is_listed_is_not_executed(world: World) -> None:
    assert states(world, "make test", "dvc plots", "pip install gradio") == [
        "not run the test suite, which takes as long again",
        "named a command's name alone",
        "not run fetches packages; --setup runs it",
    ]


def test_what_this_machine_lacks_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(_world: World) -> str:
        raise NotHereError("no initdb")

    monkeypatch.setattr(World, "postgresql", property(lacking))
    text = "export A=postgresql://ann:secret@db.example/studies"
    assert states(world, text) == ["not run no initdb"]


def test_steps_beside_a_command_are_made_and_may_fail(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare(here: World) -> None:
        (here.project / "prepared").touch()

    def fail(here: World) -> None:
        here.told("sh", "-c", "echo torn; exit 5")

    monkeypatch.setitem(between.BEFORE, "test -f prepared", prepare)
    monkeypatch.setitem(between.AFTER, "true", fail)
    good, bad = states(world, "test -f prepared", "true")
    assert good == "ok"
    assert bad.startswith("failed beside it: ")
    assert bad.endswith("    torn")


def test_each_page_begins_with_what_is_committed(world: World) -> None:
    (world.project / ".dvc" / "config.local").write_text("")
    (world.project / "tracked").write_text("changed\n")
    assert states(world, "grep committed tracked", "test ! -e .dvc/config.local") == ["ok", "ok"]


def test_places_are_filled_and_budgets_lightened(world: World) -> None:
    assert filled("a /data,b /data/kaggle data/x", world) == (
        f"a {world.archives},b {world.kaggle} data/x"
    )
    assert filled("sagan sample BUNDLE --latents FILE.npz --out DIR", world) == (
        "sagan sample data/06_models/generator --latents pictures/samples.npz --out drawn"
    )
    assert lightened("python -m benchmarks.tuning --seeds 5 --jobs 2") == (
        "python -m benchmarks.tuning --seeds 2 --jobs 2"
    )
    assert lightened("kedro run") == "kedro run"


def test_archives_are_read_as_imagenet(world: World, tmp_path: Path) -> None:
    from sagan.data.config import AcquisitionConfig
    from sagan.data.sources.acquire import acquire

    config = AcquisitionConfig(source="ilsvrc2012", path=world.archives, first_classes=10)
    folder = acquire(config, tmp_path / "raw")
    assert len(folder.class_names) == 10


def test_the_clone_is_of_the_last_commit_and_shares_the_environment(
    tmp_path: Path, repository: Path
) -> None:
    (repository / "uncommitted").touch()
    project = fresh_clone(tmp_path)
    share_environment(project)
    assert git(project, "rev-parse", "HEAD") == git(repository, "rev-parse", "HEAD")
    assert sorted(path.name for path in project.iterdir()) == [".git", ".venv", "conf"]
    assert git(project, "rev-parse", "--abbrev-ref", "HEAD") == "main"
    assert (project / ".venv" / "bin" / "kedro").exists()
    assert not (project / ".venv").is_symlink()


@pytest.mark.usefixtures("repository")
def test_the_program_counts_and_tells_failures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\ntrue\nfalse\nmake test\n```\n`dvc plots`\n")
    monkeypatch.setattr(program, "PAGES", [page])
    monkeypatch.setattr(World, "parameters", lambda _world: {})  # no Inception
    words = ["--keep", str(tmp_path / "work")]
    assert program.main(words) == 1
    *lines, last = capsys.readouterr().out.splitlines()
    assert last.startswith(
        '{"commands": 4, "ok": 1, "failed": 1, "not_run": 1, "repeated": 0, "named": 1, '
    )
    place, seconds, *words = lines[0].split()
    assert (place, words) == ("page.md:2", ["s", "true", "[ok]"])
    assert float(seconds) < 30
    assert session.tail(tmp_path / "nothing") == ""
    assert tables.NOT_EXECUTED["make test"] in lines[-2]
