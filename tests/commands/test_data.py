import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sagan.data.shards.build import load_resized
from sagan.data.shards.store import ShardStore
from tests.drawn_images import draw_image_folder
from tests.program import program

main = program("data")


@pytest.fixture
def root(tmp_path):
    return draw_image_folder(tmp_path / "images")


def command(root: Path, *more: str) -> list[str]:
    return [str(root), "--image-size", "16", "--out", str(root.parent / "out"), *more]


def test_a_class_folder_becomes_a_store(root, capsys):
    assert main(command(root)) == 0
    store = ShardStore.open(Path(capsys.readouterr().out.strip()))
    assert store.facts()["images"] == {"train": 24, "val": 6}


def test_colours_that_are_lost_are_told(root, caplog):
    assert main(command(root, "--channels", "1")) == 0
    assert "30 of 30 images are stored in colour and become grey" in caplog.text


def test_images_may_be_padded_with_a_colour(root, capsys):
    assert main(command(root, "--fit", "pad", "--pad-colour", "0", "0", "9")) == 0
    facts = ShardStore.open(Path(capsys.readouterr().out.strip())).facts()
    assert (facts["fit"], facts["pad_colour"]) == ("pad", [0, 0, 9])


def test_it_needs_neither_kedro_nor_great_expectations_nor_pandas(root):
    code = (
        "import sys\n"
        "for absent in ('kedro', 'great_expectations', 'pandas', 'sklearn'):\n"
        "    sys.modules[absent] = None\n"
        "from sagan.commands.group import main\n"
        f"sys.exit(main({['data', *command(root)]!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).is_dir()


@pytest.mark.parametrize(
    ("breaking", "said"),
    [
        (lambda root: root.rename(root.with_name("gone")), "does not exist"),
        (lambda root: (root / "train/00_circle/a.JPEG").write_bytes(b""), "a.JPEG (empty file"),
    ],
)
def test_bad_input_ends_in_one_message(root, breaking, said, capsys):
    breaking(root)
    assert main(command(root)) == 1
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""


def test_too_many_bad_images_name_the_option_that_leaves_them_out(root, capsys):
    (root / "train/00_circle/a.JPEG").write_bytes(b"")
    assert main(command(root)) == 1
    assert (
        "remove them, or leave them out by a larger --max-bad-fraction" in capsys.readouterr().err
    )


def test_few_bad_images_may_be_allowed_and_are_told(root, caplog, capsys):
    (root / "train/00_circle/a.JPEG").write_bytes(b"")
    assert main(command(root, "--max-bad-fraction", "0.1")) == 0
    assert "left out: 1 image cannot be used" in caplog.text
    store = ShardStore.open(Path(capsys.readouterr().out.strip()))
    assert len(store.split("train")) == 24


@pytest.mark.parametrize("value", ["1.5", "-0.1", "few"])
def test_a_share_outside_0_to_1_is_refused(root, value, capsys):
    assert main(command(root, f"--max-bad-fraction={value}")) == 2
    assert "--max-bad-fraction" in capsys.readouterr().err


def test_a_class_without_any_sound_image_is_refused(root, capsys):
    for path in (root / "val/01_square").iterdir():
        path.write_bytes(b"")
    assert main(command(root, "--max-bad-fraction", "0.5")) == 1
    assert "no usable image in val/ for the classes 01_square" in capsys.readouterr().err


def test_one_class_never_passes_silently(tmp_path, capsys):
    root = draw_image_folder(tmp_path / "one", classes=1)
    assert main(command(root)) == 1
    assert "has 1 class (00_circle), expected at least 2" in capsys.readouterr().err
    assert main(command(root, "--min-classes", "1")) == 0


def test_every_source_and_parameter_of_acquisition_serves(tmp_path, capsys):
    from tests.data.published import write_kaggle

    place = write_kaggle(tmp_path / "published")
    options = ["--source=kaggle", "--set=classes=goldfish;crane"]
    options += ["--also-sizes=32", "--also-sizes=64"]
    assert main([*command(place), *options]) == 0
    store = ShardStore.open(Path(capsys.readouterr().out.strip()))
    assert store.class_titles == {"n01443537": "goldfish, Carassius auratus", "n02012849": "crane"}
    sizes = {
        ShardStore.open(path.parent).image_size for path in store.path.parent.glob("*/index.json")
    }
    assert sizes == {16, 32, 64}
    assert main(["--source", "digits", "--out", str(tmp_path / "d"), "--image-size", "16"]) == 0
    assert ShardStore.open(Path(capsys.readouterr().out.strip())).num_classes == 10


def test_a_misspelt_parameter_is_told_with_the_nearest(root, capsys):
    assert main([*command(root), "--set", "clases=a"]) == 1
    assert "unknown key 'clases'; did you mean 'classes'?" in capsys.readouterr().err
    assert main([*command(root), "--set", "source=kaggle"]) == 1
    assert "give the path as IMAGES, and its kind as --source" in capsys.readouterr().err
    assert main([*command(root), "--also-sizes", "17"]) == 1
    assert "nearest: 16 and 32 px" in capsys.readouterr().err


def test_a_hangup_that_nohup_switched_off_does_not_stop(root, monkeypatch):
    def hang_up(*arguments):
        os.kill(os.getpid(), signal.SIGHUP)
        return load_resized(*arguments)

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        monkeypatch.setattr("sagan.data.shards.build.load_resized", hang_up)
        assert main(command(root, "--workers", "1")) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_asked_to_stop_it_keeps_what_is_finished_and_goes_on(root, number, monkeypatch, capsys):
    made = []

    def asked_to_stop(*arguments):
        if len(made) == 20:
            os.kill(os.getpid(), number)
        made.append(arguments[-1])
        return load_resized(*arguments)

    # as for a script's job in the background; SIGHUP is ignored for `nohup`, which is kept
    state = signal.SIG_DFL if number == signal.SIGHUP else signal.SIG_IGN
    before = signal.signal(number, state)
    try:
        with monkeypatch.context() as patch:
            patch.setattr("sagan.data.shards.build.load_resized", asked_to_stop)
            assert main(command(root, "--shard-images", "4", "--workers", "1")) == 75
        assert signal.getsignal(number) is state
    finally:
        signal.signal(number, before)
    assert "the same command continues" in capsys.readouterr().err
    (noted,) = root.parent.glob("out/*/finished.jsonl")  # a file may be there and not noted yet
    finished = [noted.with_name(json.loads(line)["file"]) for line in noted.open()]
    written = {path: path.stat().st_mtime_ns for path in finished}
    assert len(written) > 1

    assert main(command(root, "--shard-images", "4", "--workers", "1")) == 0
    ShardStore.open(Path(capsys.readouterr().out.strip()))
    assert written == {path: path.stat().st_mtime_ns for path in finished}
