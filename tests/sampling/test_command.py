import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from sagan.sampling.requests import parse_classes
from tests.program import program
from tests.small_world import CLASSES, small_bundle

main = program("sample")


@pytest.fixture
def no_cuda(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)


@pytest.mark.parametrize("channels", [3, 1])
def test_writes_pictures_and_samples(bundle, tmp_path, tmp_path_factory, channels):
    if channels == 1:
        bundle = small_bundle(tmp_path_factory.mktemp("grey") / "generator", channels=1)
    arguments = [str(bundle.path), "--out", str(tmp_path), "--count", "2", "--npz"]

    assert main([*arguments, "--classes", "02_triangle,0", "--truncation", "0.5"]) == 0

    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"sample_grid.png", "attention_maps.png", "samples.npz"}
    with np.load(tmp_path / "samples.npz", allow_pickle=False) as samples:
        assert samples["images"].shape == (4, channels, 16, 16)
        assert samples["class_labels"].tolist() == [2, 2, 0, 0]
    assert Image.open(tmp_path / "sample_grid.png").mode == "RGB"
    assert Image.open(tmp_path / "attention_maps.png").mode == "RGB"


def test_samples_are_files_on_request(bundle, tmp_path, capsys):
    arguments = [str(bundle.path), "--out", str(tmp_path), "--count", "1", "--npz", "--pngs"]

    assert main([*arguments, "--classes", "02_triangle,0"]) == 0

    assert f"{tmp_path / 'samples'}\n" in capsys.readouterr().out
    with np.load(tmp_path / "samples.npz") as samples:
        for name, image in zip(
            ("02_triangle/000000.png", "00_circle/000001.png"), samples["images"], strict=True
        ):
            file = Image.open(tmp_path / "samples" / name)
            assert (np.asarray(file) == image.transpose(1, 2, 0)).all()


def test_kept_latents_draw_the_same_images_again(bundle, tmp_path):
    first = [str(bundle.path), "--out", str(tmp_path / "one"), "--classes", "2,0", "--count", "2"]
    assert main([*first, "--truncation", "0.7", "--seed", "5", "--npz"]) == 0
    kept = tmp_path / "one" / "samples.npz"

    again = ["--out", str(tmp_path / "two"), "--latents", str(kept), "--npz"]
    assert main([str(bundle.path), *again]) == 0

    with np.load(kept) as one, np.load(tmp_path / "two" / "samples.npz") as two:
        assert all((one[name] == two[name]).all() for name in ("images", "latents", "class_labels"))
        assert abs(one["latents"]).max() <= 0.7


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        (["--classes", "1", "--seed", "4"], "--classes, --seed"),
        (["--count", "3"], "--count"),
        (["--truncation", "0.5", "--same-latents"], "--truncation, --same-latents"),
    ],
)
def test_what_kept_latents_decide_cannot_be_given_beside_them(
    bundle, tmp_path, capsys, extra, named
):
    np.savez(tmp_path / "kept.npz", latents=np.zeros((1, 12)), class_labels=np.array([0]))
    command = [str(bundle.path), "--out", str(tmp_path / "out")]

    assert main([*command, "--latents", str(tmp_path / "kept.npz"), *extra]) == 1

    assert f"leave out {named}\n" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_raw_weights_are_drawn_from_where_they_are_asked_for(tmp_path, capsys):
    both = small_bundle(tmp_path / "both", averaged=True)

    def drawn(name: str, *arguments: str) -> np.ndarray:
        out = tmp_path / name
        command = [str(both.path), "--out", str(out), "--count", "1", "--npz", *arguments]
        assert main(command) == 0
        with np.load(out / "samples.npz") as file:
            return file["images"]

    default = drawn("default")
    assert (drawn("ema", "--weights", "ema") == default).all()
    assert (drawn("raw", "--weights", "raw") != default).any()
    capsys.readouterr()
    (both.path / "generator_raw.safetensors").unlink()
    assert main([str(both.path), "--out", str(tmp_path / "no"), "--weights", "raw"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("Error: ")
    assert "generator_raw.safetensors is missing" in error
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": np.zeros(1)}, "not an .npz with latents and class_labels"),
        (
            {"latents": np.zeros((1, 5)), "class_labels": np.zeros(1, int)},
            "expected latents [N, 12]",
        ),
        (
            {"latents": np.zeros((1, 12)), "class_labels": np.zeros((1, 1), int)},
            "got float64 [1, 12] and int64 [1, 1]",
        ),
        ({"latents": np.full((1, 12), np.nan), "class_labels": np.zeros(1, int)}, "not finite"),
        ({"latents": np.zeros((1, 12)), "class_labels": np.array([9])}, "outside 0..2: [9]"),
        ({"latents": np.array([{}]), "class_labels": np.zeros(1, int)}, "not an .npz with"),
    ],
)
def test_latents_that_do_not_fit_are_refused(bundle, tmp_path, capsys, arrays, message):
    np.savez(tmp_path / "kept.npz", **arrays)
    latents = ["--latents", str(tmp_path / "kept.npz")]
    assert main([str(bundle.path), "--out", str(tmp_path / "out"), *latents]) == 1
    assert message in capsys.readouterr().err


def test_no_image_is_no_count(bundle, tmp_path, capsys):
    assert main([str(bundle.path), "--out", str(tmp_path), "--count", "0"]) == 2
    assert "0 is not in the range x>=1" in capsys.readouterr().err


def test_same_latents_down_a_column(bundle, tmp_path):
    arguments = [str(bundle.path), "--out", str(tmp_path), "--count", "2", "--npz"]

    assert main([*arguments, "--classes", "1,1", "--same-latents"]) == 0

    with np.load(tmp_path / "samples.npz") as samples:
        assert (samples["images"][:2] == samples["images"][2:]).all()


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--classes", "dog,77"], "2 of 2 unknown: dog, 77"),
        (["--classes", "01_sqare"], "did you mean 01_square?"),
        (["--truncation", "0"], "truncation must be at least 0.01"),
        (["--truncation", "-1"], "truncation must be at least 0.01"),
        (["--seed", "-1"], "seed: expected 0 .. 2"),
        (["--seed", str(2**64)], "seed: expected 0 .. 2"),
        (["--query-points", "9"], r"expected 1..8"),
        (["--query-points", str(10**9)], r"--query-points: expected 1..8"),
        (["--device", "gpu"], "device: expected auto, cpu, cuda"),
        (["--device", "cuda"], "torch sees no CUDA device"),
    ],
)
@pytest.mark.usefixtures("no_cuda")
def test_a_mistake_is_one_line(bundle, tmp_path, capsys, extra, message):
    assert main([str(bundle.path), "--out", str(tmp_path / "out"), *extra]) == 1

    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_missing_bundle_is_named(tmp_path, capsys):
    assert main([str(tmp_path / "nothing"), "--out", str(tmp_path)]) == 1
    assert f"no generator bundle at {tmp_path / 'nothing'}" in capsys.readouterr().err


def test_names_win_over_numbers():
    assert parse_classes("1, 2", ["2", "1", "0"]) == [1, 0]
    assert parse_classes(None, CLASSES) == [0, 1, 2]
    with_commas = ["Smith, Anna", "yes", 'a "b", c']
    assert parse_classes("Smith, Anna", with_commas) == [0]
    assert parse_classes('yes,"Smith, Anna","a ""b"", c"', with_commas) == [1, 0, 2]
    with pytest.raises(
        ValueError, match="did you mean '\"Smith, Anna\"'\\? expected names such as"
    ):
        parse_classes("Smith, Anna,yes", with_commas)  # as a shell leaves it


TITLES = {"a": "goldfish, Carassius auratus", "b": "crane", "c": "crane, machine"}


def test_classes_are_asked_for_by_what_people_call_them():
    assert parse_classes("Goldfish, carassius auratus, machine", "abc", TITLES) == [0, 0, 2]
    assert parse_classes("b", "abc", TITLES | {"a": "b"}) == [1], "a name wins over a title"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("crane", "'crane' is the name of 2 classes: b, c; give one of these"),
        ("goldfsh", "did you mean goldfish?"),
    ],
)
def test_titles_that_do_not_say_which(asked, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_classes(asked, "abc", TITLES)


def test_pictures_name_classes_as_people_do(tmp_path):
    """Nothing but the name at the left differs between the two grids."""
    grids = []
    for title in (None, {"00_circle": "W"}):
        path = tmp_path / f"generator{len(grids)}"
        bundle = small_bundle(path, class_names=("00_circle",), class_titles=title)
        assert main([str(bundle.path), "--out", str(path / "out"), "--count", "2"]) == 0
        grids.append(np.asarray(Image.open(path / "out" / "sample_grid.png")))
    plain, titled = grids
    saved = plain.shape[1] - titled.shape[1]
    assert saved > 30, "one letter in place of nine"
    tiles = 2 * (64 + 2) + 12
    assert (plain[:, -tiles:] == titled[:, -tiles:]).all()


def test_needs_neither_kedro_nor_matplotlib(bundle, tmp_path):
    """The command runs where only the networks' own dependencies are installed."""
    absent = ["kedro", "matplotlib", "pandas", "sklearn", "great_expectations", "dvc", "scipy"]
    absent += ["sympy", "torch._dynamo"]  # seconds of a start
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({absent})); "
        "import sys; from sagan.commands.group import main; sys.exit(main())"
    )
    command = [
        sys.executable,
        "-c",
        code,
        "sample",
        str(bundle.path),
        "--out",
        str(tmp_path / "out"),
    ]

    subprocess.run([*command, "--count", "1"], check=True, capture_output=True)

    assert (tmp_path / "out" / "sample_grid.png").is_file()


@pytest.mark.parametrize(
    "asked",
    [
        ["--count", "1000000000000"],
        ["--tile", "1000000"],
        ["--frames", "240", "--interpolate", "latents"],
    ],
)
def test_more_than_memory_holds_is_refused_with_what_fits(
    bundle, tmp_path, monkeypatch, capsys, asked
):
    monkeypatch.setattr("sagan.common.memory.available_bytes", lambda: 50_000_000)

    assert main([str(bundle.path), "--out", str(tmp_path / "out"), *asked]) == 1

    error, name = capsys.readouterr().err, asked[0].lstrip("-")
    assert re.search(rf"{name} [0-9,]+ needs .* GB are free; up to [0-9,]+ fit$", error)
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "out").exists()
