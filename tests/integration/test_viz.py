"""Kedro-Viz: the static site shows pipelines as namespaces, layers, and what was made."""

import base64
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from sagan.pipeline_registry import PIPELINES
from tests.browser import browser
from tests.integration.conftest import command_in

__all__ = ["browser"]  # a fixture

LAYERS = ["raw", "intermediate", "primary", "model_input", "models", "model_output", "reporting"]
PREVIEWS = {
    "sample_grid": "ImagePreview",
    "attention_maps": "ImagePreview",
    "training_curves_plot": "PlotlyPreview",
    "training_curves": "TablePreview",
    "training_journal": "TablePreview",
    "metrics": "JSONPreview",
    "scores": "JSONPreview",
    "manifest": "TablePreview",
    "validated_manifest": "TablePreview",
    "validation_report": "TablePreview",
    "generator_bundle": "JSONPreview",
    "image_shards": "JSONPreview",
}


@pytest.fixture(scope="module")
def site(finished_project: Path) -> Path:
    built = command_in(finished_project)("kedro", "viz", "build", "--include-previews")
    assert built.returncode == 0, built.stdout + built.stderr
    assert (finished_project / "build" / "index.html").is_file()
    return finished_project / "build" / "api"


@pytest.fixture(scope="module")
def graph(site: Path) -> dict:
    return json.loads((site / "main").read_text())


def dataset(site: Path, graph: dict, name: str) -> dict:
    (node,) = (node for node in graph["nodes"] if node["name"] == name and node["type"] == "data")
    return json.loads((site / "nodes" / node["id"]).read_text())


def test_every_pipeline_is_a_namespace_that_holds_its_nodes(graph: dict) -> None:
    assert set(graph["modular_pipelines"]) == {"__root__", *PIPELINES}
    nodes = [node for node in graph["nodes"] if node["type"] == "task"]
    for pipeline, create in PIPELINES.items():
        inside = {node["name"] for node in nodes if node["modular_pipelines"] == [pipeline]}
        assert inside == {node.name.split(".")[-1] for node in create().nodes}
    children = {child["id"] for child in graph["modular_pipelines"]["__root__"]["children"]}
    assert set(PIPELINES) <= children


def test_layers_come_in_the_streams_order_and_every_artefact_has_one(graph: dict) -> None:
    assert graph["layers"] == LAYERS
    artefacts = [node for node in graph["nodes"] if node["type"] == "data"]
    assert [node["name"] for node in artefacts if node["layer"] is None] == []


@pytest.mark.parametrize(("name", "kind"), PREVIEWS.items())
def test_artefact_has_its_preview(site: Path, graph: dict, name: str, kind: str) -> None:
    shown = dataset(site, graph, name)
    assert shown["preview_type"] == kind
    assert shown["preview"]


def test_previews_are_the_artefacts(site: Path, graph: dict, finished_project: Path) -> None:
    reporting = finished_project / "data" / "08_reporting"
    shown = base64.b64decode(dataset(site, graph, "sample_grid")["preview"])
    with Image.open(reporting / "sample_grid.png") as grid, Image.open(io.BytesIO(shown)) as panel:
        assert panel.width / panel.height == pytest.approx(1.5, abs=0.01)
        place = [(panel.width - grid.width) // 2, (panel.height - grid.height) // 2]
        inside = panel.crop((*place, place[0] + grid.width, place[1] + grid.height))
        assert (np.asarray(inside.convert("RGB")) == np.asarray(grid)).all()
    scores = json.loads(dataset(site, graph, "scores")["preview"])
    assert scores == json.loads((reporting / "scores.json").read_text())
    verdict = dataset(site, graph, "validation_report")["preview"]
    assert verdict["columns"] == ["result", "severity", "expectation", "found"]
    assert verdict["data"][0][::3] == ["passed", "1,797 images, 10 classes"]
    assert len(verdict["data"]) > 20
    table = dataset(site, graph, "manifest")["preview"]
    assert {"path", "split", "class_name"} <= set(table["columns"])
    assert len(table["data"]) == 20
    curves = dataset(site, graph, "training_curves_plot")["preview"]
    assert {"Losses", "Speed"} <= {trace["legendgroup"] for trace in curves["data"]}


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def opened(browser: Browser, site: Path) -> Iterator[Page]:
    """The static build in a browser, as any web server would serve it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site.parent))
    Thread(target=server.serve_forever, daemon=True).start()
    context = browser.new_context(base_url=f"http://127.0.0.1:{server.server_port}")
    # Kedro-Viz asks for a font elsewhere, and does without
    context.route(lambda address: "127.0.0.1" not in address, lambda route: route.abort())
    page = context.new_page()
    page.set_default_timeout(60_000)
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    yield page
    context.close()
    server.shutdown()
    assert broken == []


@pytest.mark.parametrize(
    ("name", "place", "said"),
    [
        ("sample_grid", ".pipeline-metadata__plot img", ""),
        ("training_curves_plot", ".js-plotly-plot .updatemenu-header", re.compile("Losses|Score")),
        ("metrics", ".pipeline-metadata__preview-json", '"fd_classifier"'),
        ("manifest", ".pipeline-metadata__preview", "train/0/0000.png"),
        ("validation_report", ".pipeline-metadata__preview", "every row has a path"),
    ],
)
def test_panel_of_the_static_page_shows_the_preview(
    opened: Page, graph: dict, name: str, place: str, said: str | re.Pattern
) -> None:
    (node,) = (node for node in graph["nodes"] if node["name"] == name and node["type"] == "data")
    opened.goto(f"/?pid=__default__&expandAllPipelines=true&sid={node['id']}")
    preview = opened.locator(place).first
    expect(preview).to_be_visible(timeout=60_000)
    expect(preview).to_contain_text(said)
    if not said:
        width = preview.evaluate("image => image.decode().then(() => image.naturalWidth)")
        assert width > 100


def test_the_servers_process_does_not_warn_of_what_nobody_can_act_on() -> None:
    """Kedro-Viz starts it anew, so that only the environment reaches it."""
    code = (
        "import sagan.cli, subprocess, sys; import kedro_viz.api.apps; "
        "subprocess.run([sys.executable, '-c', 'import kedro_viz.api.apps'], check=True)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Deprecat" not in done.stderr
