"""The notebooks run from start to end on the artefacts of a run, and are kept without outputs."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from tests.integration.conftest import ROOT, environment

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# of each notebook: how many pictures it draws, and a word of what it tells
SHOWN = {
    "01_data": (3, "no two files of a split have the same content"),
    "02_training_curves": (2, "images_per_second"),
    "03_samples_and_attention": (6, "image/png"),
    "04_evaluation": (3, "samples.generator.images_seen"),
}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_kept_without_outputs(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_defines_nothing(path: Path) -> None:
    """Notebooks read; what they use is in the packages, where it is tested."""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            assert not any(line.startswith(("def ", "class ")) for line in cell.source.split("\n"))


@pytest.fixture(scope="module")
def executed(finished_project: Path) -> dict[str, list]:
    """Outputs of each notebook; one kernel ran them all, with nothing of the one before."""
    folder = finished_project / "notebooks"
    notebook, parts = nbformat.v4.new_notebook(), {}
    forget = "%reset -f\nget_ipython().extension_manager.loaded.clear()"
    for path in NOTEBOOKS:
        parts[path.stem] = nbformat.read(folder / path.name, as_version=4).cells
        notebook.cells += [*parts[path.stem], nbformat.v4.new_code_cell(forget)]
    client = NotebookClient(
        notebook,
        timeout=120,  # seconds a cell
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )
    settings = environment(finished_project) | {
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "IPYTHONDIR": str(finished_project / ".ipython"),
    }
    client.execute(env=os.environ | settings)
    return {
        name: [output for cell in cells for output in cell.get("outputs", [])]
        for name, cells in parts.items()
    }


@pytest.mark.parametrize("name", SHOWN)
def test_notebook_runs_and_draws(name: str, executed: dict[str, list]) -> None:
    outputs = executed[name]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    expected_pictures, told = SHOWN[name]
    assert len(pictures) == expected_pictures
    assert told in str(outputs)
    assert not [output for output in outputs if output.get("name") == "stderr"]


def test_every_notebook_is_known() -> None:
    assert {path.stem for path in NOTEBOOKS} == set(SHOWN)


@pytest.mark.parametrize(
    "details",
    [(), ("recognised_by_class",), ("intra_class",), ("intra_class", "recognised_by_class")],
    ids=["nothing", "recognised", "distance", "both"],
)
def test_evaluation_notebook_says_what_was_not_measured(
    details: tuple[str, ...],
    finished_project: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Images without a val split, a run without classifier, no sweep."""
    monkeypatch.setenv("MPLBACKEND", "agg")
    made = finished_project / "data" / "08_reporting"
    metrics = json.loads((made / "metrics.json").read_text())
    metrics["details"] = {name: metrics["details"][name] for name in details}
    with np.load(made / "evaluation_pictures.npz") as file:
        pictures = {name: file[name][:0] if "pair" in name else file[name] for name in file}
    names = [str(digit) for digit in range(10)]
    bundle = SimpleNamespace(class_names=names, shown_names=names)
    left = {"metrics": metrics, "evaluation_pictures": pictures, "generator_bundle": bundle}
    cells = nbformat.read(ROOT / "notebooks" / "04_evaluation.ipynb", as_version=4).cells
    first, *code = [cell.source for cell in cells if cell.cell_type == "code"]
    assert "%load_ext kedro.ipython" in first
    namespace = {"catalog": SimpleNamespace(load=left.__getitem__)}
    exec("\n".join(code), namespace)
    told = capsys.readouterr().out
    assert "not measured: it needs images in both train and val" in told
    assert ("no classifier was trained" in told) is (not details)
    assert "not measured: evaluation.sweep.truncations is empty" in told
    if details:
        shown = namespace["by_class"].iloc[:, 0]
        worst = shown.max() if "intra_class" in details else shown.min()
        assert shown.iloc[0] == worst
