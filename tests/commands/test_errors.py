"""What a failed run says: the useful lines, once."""

from pathlib import Path

import click
import pytest
from kedro.config import MissingConfigException, OmegaConfigLoader
from kedro.framework.cli.utils import KedroCliError
from kedro.io import DatasetError
from omegaconf import OmegaConf
from omegaconf.errors import ConfigTypeError
from pydantic import BaseModel, ValidationError

from sagan.commands.errors import explain
from sagan.datasets import GeneratorBundleDataset, JSONDataset, PNGDataset
from tests.program import program


def raised_by(action, *arguments) -> Exception:
    try:
        action(*arguments)
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def test_our_own_words_are_passed_on() -> None:
    assert explain(ValueError("image_size: got 7, expected 8")) == "image_size: got 7, expected 8"


def test_other_errors_are_told_with_their_kind() -> None:
    message = explain(ZeroDivisionError("division by zero"))
    assert message.startswith("ZeroDivisionError: division by zero\n(the full traceback")
    assert explain(AssertionError()).startswith("AssertionError\n(the full traceback")


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        MemoryError("Unable to allocate 3 GiB for an array"),
    ],
)
def test_a_lack_of_memory_is_one_sentence(error: Exception, monkeypatch, capsys) -> None:
    assert explain(error).startswith("out of memory; set a smaller batch size")

    def lack(*_: object) -> None:
        raise error

    monkeypatch.setattr("sagan.commands.sample.require_bundle", lack)
    assert program("sample")(["bundle", "--out", "out"]) == 1
    assert capsys.readouterr().err.startswith("Error: out of memory; set a smaller batch size")


def test_errors_of_kedros_commands_and_plugins_have_their_text(capsys) -> None:
    import sagan.cli  # noqa: F401 - as Kedro imports it before any command

    @click.command
    def build() -> None:
        raise KedroCliError("is the Docker daemon running?")

    with pytest.raises(SystemExit, match="1"):
        build.main([])
    told = "".join(capsys.readouterr())
    assert "is the Docker daemon running?" in told
    assert "NoneType" not in told


def test_kedros_wrapping_is_taken_off(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    inner = raised_by(JSONDataset(filepath=str(path)).load)
    assert isinstance(inner, DatasetError)
    outer = DatasetError(f"metrics: {inner}")
    outer.__cause__ = inner
    for error in (inner, outer):
        assert explain(error).startswith(f"{path} does not exist: ")
        assert "Failed while loading" not in explain(error)


def test_a_place_in_this_folder_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    error = raised_by(JSONDataset(filepath=str(tmp_path / "data" / "metrics.json")).load)
    assert explain(error).startswith("data/metrics.json does not exist: ")


def test_place_is_kept_where_the_cause_does_not_name_it(tmp_path: Path) -> None:
    path = tmp_path / "grid.png"
    error = raised_by(PNGDataset(filepath=str(path)).save, __import__("numpy").zeros((2, 2)))
    assert explain(error) == f"{path}: expected an image uint8 [H, W, 3], got float64 [2, 2]"


def test_place_that_the_cause_names_is_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "generator"
    error = raised_by(GeneratorBundleDataset(filepath=str(path)).load)
    assert explain(error).startswith(f"no generator bundle at {path}: config.json is missing")
    assert "with the same --env" in explain(error)


def test_dataset_that_cannot_be_saved_to_tells_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    error = raised_by(JSONDataset(filepath=str(tmp_path / "file" / "m.json")).save, {})
    assert explain(error).startswith(str(tmp_path / "file"))


def test_full_disk_is_told_with_its_path() -> None:
    error = OSError(28, "No space left on device", "/data/metrics.json")
    assert explain(error) == "/data/metrics.json: No space left on device"


def test_model_errors_are_one_line_each() -> None:
    class Model(BaseModel):
        count: int
        rate: float

    with pytest.raises(ValidationError) as caught:
        Model(count="many", rate="fast")
    lines = explain(caught.value).split("\n")
    assert [line.split(";")[0] for line in lines] == ["count: got 'many'", "rate: got 'fast'"]


def test_configuration_errors_begin_with_their_key(tmp_path: Path) -> None:
    config = OmegaConf.create({"grid": {"filepath": "${no.such.key}"}})
    resolved = raised_by(lambda: config.grid.filepath)
    assert explain(resolved).startswith("grid.filepath in conf/: ")
    assert "object_type" not in explain(resolved)


def test_a_list_where_a_mapping_belongs_is_told() -> None:
    error = ConfigTypeError("Cannot merge DictConfig with ListConfig")
    assert "merge DictConfig with ListConfig; expected mappings" in explain(error)


def test_a_missing_folder_of_configuration_is_named(tmp_path: Path) -> None:
    error = raised_by(OmegaConfigLoader(tmp_path, env="local").__getitem__, "parameters")
    assert isinstance(error, MissingConfigException)
    assert str(tmp_path) in explain(error)
    assert "traceback" not in explain(error)
