"""The notebooks run from start to end on the artefacts of a run, and are kept without outputs."""

import os
from pathlib import Path

import nbformat
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
    """Notebooks read; what they use lives in the rooms, where it is tested."""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            assert not any(line.startswith(("def ", "class ")) for line in cell.source.split("\n"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_and_draws(path: Path, finished_project: Path) -> None:
    notebook = nbformat.read(finished_project / "notebooks" / path.name, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=120,  # seconds a cell
        kernel_name="python3",
        resources={"metadata": {"path": str(finished_project / "notebooks")}},
    )
    settings = environment(finished_project) | {
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "IPYTHONDIR": str(finished_project / ".ipython"),
    }
    client.execute(env=os.environ | settings)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    expected_pictures, told = SHOWN[path.stem]
    assert len(pictures) == expected_pictures
    assert told in str(outputs)
    assert not [output for output in outputs if output.get("name") == "stderr"]
