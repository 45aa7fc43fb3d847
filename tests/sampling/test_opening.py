"""Bundles from elsewhere: damaged or malicious ones are refused in one line, and run nothing."""

import json
import pickle
from pathlib import Path

import pytest

from sagan.common.files import file_sha256
from tests.program import program
from tests.small_world import small_bundle

main = program("sample")


class Payload:
    """What a pickle would run where it is loaded."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return (Path.touch, (self.trace,))


@pytest.fixture
def folder(tmp_path) -> Path:
    return small_bundle(tmp_path / "generator").path


def refused(folder: Path, capsys, changed: object) -> str:
    (folder / "config.json").write_text(json.dumps(changed))
    assert main([str(folder), "--out", str(folder / "out")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("Error: ")
    assert error.count("\n") == 1
    assert not (folder / "out").exists()
    return error


def test_a_pickle_in_the_weights_place_is_never_run(folder, tmp_path, capsys):
    weights, trace = folder / "generator.safetensors", tmp_path / "was_run"
    weights.write_bytes(pickle.dumps(Payload(trace)))
    config = json.loads((folder / "config.json").read_text())
    config["weights_sha256"] = file_sha256(weights)  # as whoever made it would see to

    assert "does not fit its config.json" in refused(folder, capsys, config)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"class_names": None}, "is not a generator bundle's"),
        ({"class_names": []}, "at least 1 item"),
        ({"class_names": [{}]}, "class_names.0"),
        ({"class_titles": {"00_circle": 5}}, "class_titles.00_circle: got 5"),
        ({"class_titles": ["goldfish"]}, "class_titles: got"),
        ({"facts": "none"}, "facts: got"),
        ({"image_size": "large"}, "image_size: got"),
        ({"image_size": 2**40}, "image_size"),
        ({"generator": {"latent_dim": -1}}, "generator.latent_dim: got -1"),
        ({"generator": {"run": "rm"}}, "unknown key 'run'"),
        ({"format": "other"}, "format 'other'"),
    ],
)
def test_a_config_that_is_no_bundles_is_refused(folder, capsys, change, said):
    config = json.loads((folder / "config.json").read_text())
    assert said in refused(folder, capsys, config | change)


def test_a_config_without_a_key_or_of_another_kind_is_refused(folder, capsys):
    config = json.loads((folder / "config.json").read_text())
    del config["image_size"]
    assert "image_size: missing" in refused(folder, capsys, config)
    assert "is not a generator bundle's" in refused(folder, capsys, [1, 2])
