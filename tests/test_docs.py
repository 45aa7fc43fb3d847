"""The pages build into a site that needs no network, and quote what the source says."""

import html
import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from docs import generated, site_hooks
from sagan.training.config import TrainingConfig

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    words = ("-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(target))
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def test_every_page_is_on_the_site(site: Path) -> None:
    pages = {path.relative_to(DOCS).with_suffix(".html") for path in DOCS.glob("**/*.md")}
    pages = {page for page in pages if page.parts[0] != "results"}
    assert all((site / page).is_file() for page in pages)
    assert len(pages) >= 12


def test_site_loads_nothing_from_the_network(site: Path) -> None:
    """Links may lead elsewhere; scripts, styles, pictures, fonts may not."""
    loading = re.compile(
        r'<(?:script|img|iframe|source)[^>]+src=["\']?(?:https?:)?//[^"\'> ]+'
        r'|<link[^>]+rel=["\']?(?:stylesheet|preconnect|preload)[^>]+'
        r'href=["\']?(?:https?:)?//[^> ]+'
    )
    for page in site.glob("**/*.html"):
        assert not loading.findall(page.read_text()), page


def test_equations_are_the_browsers_own(site: Path) -> None:
    page = (site / "sagan.html").read_text()
    assert page.count('<div class="equation"><math display="block"') == 5
    assert "\\(" not in page
    assert (DOCS / "sagan.md").read_text().count("```math\n") == 5  # as TeX in the file
    with pytest.raises(ValueError, match="no MathML of\nx = 0"):
        site_hooks.on_page_markdown("```math\nx = 0\n```\n")


def test_every_row_of_a_table_is_in_one() -> None:
    """A blank line within a table makes text of the rows below it."""
    for page in [ROOT / "README.md", *DOCS.glob("**/*.md")]:
        blocks = re.findall(r"^\| .*\n(?:\|.*\n)*", page.read_text(), re.MULTILINE)
        assert all(block.split("\n")[1].startswith("|-") for block in blocks), page


def test_generated_parts_are_current() -> None:
    """`python -m docs.generated` writes them."""
    pages = generated.generated_pages()
    assert {path.name for path in pages} == {"api.md", "index.md", "pipelines.md"}
    stale = [path.name for path, whole in pages.items() if path.read_text() != whole]
    assert not stale


@pytest.mark.slow
def test_the_first_example_of_the_api_reference_runs(tmp_path: Path, monkeypatch) -> None:
    code = (DOCS / "api.md").read_text().partition("```python\n")[2].partition("```")[0]
    small = {"total_images": 32, "standing_batches": 1, "scoring": {"every_images": 0}}
    code = code.replace("**parameters", f"**parameters | {small}")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").symlink_to(ROOT / "conf")
    known: dict = {}
    exec(code, known)  # the page's own words
    assert len(known["pictures"]) == 16
    assert {picture.size for picture in known["pictures"]} == {(16, 16)}


def test_api_reference_has_signatures_values_and_sections() -> None:
    entry = generated.api_entry("sagan.SaganGenerator")
    assert "from sagan import SaganGenerator\n\nclass SaganGenerator" in entry
    assert "- `class_names: tuple[str, ...]`: Names of the classes" in entry
    assert "**Raises:**\n\n- `ValueError`: " in entry
    assert "@classmethod\ndef from_dvc(\n    cls" in entry
    with pytest.raises(AttributeError):
        generated.api_entry("sagan.training.Nothing")


def test_every_parameter_is_on_the_page(site: Path) -> None:
    page = (site / "pipelines.html").read_text().replace("<wbr>", "")
    paths = [path for path, *_ in generated.parameters(TrainingConfig)]
    assert "model.generator.attention_resolutions" in paths
    for path in paths:
        assert f"<code>{path}</code>" in page
    assert "&lt;!--" not in page
    assert "readme:" not in (site / "index.html").read_text()


def test_every_pipeline_has_its_table(site: Path) -> None:
    files = ROOT.glob("conf/base/parameters_*.yml")
    pipelines = {path.stem.removeprefix("parameters_") for path in files}
    asked_for = re.findall(r"<!-- parameters: (\w+) -->", (DOCS / "pipelines.md").read_text())
    assert sorted(asked_for) == sorted(pipelines)
    assert all(
        told for name in pipelines for *_, told in generated.parameters(generated._models()[name])
    )
    page = html.unescape((site / "pipelines.html").read_text())
    assert "|gamma| of an attention block" in page
    assert '{"$PARAMETER": name}' in page


@pytest.mark.parametrize("package", ["sagan", "sagan.training"])
def test_map_of_the_packages_is_the_import_contract(package: str) -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = [c["layers"] for c in settings["contracts"] if c.get("containers") == [package]]
    page = (DOCS / "contributing.md").read_text()
    table = page.partition(f"<!-- layers: {package} -->")[2].partition("<!-- end -->")[0]
    cells = re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)
    assert [re.findall(r"`(\w+)`", cell) for cell in cells] == [
        layer.split(" | ") for layer in layers[0]
    ]


def test_files_and_folders_of_src_stay_as_small_as_the_page_says() -> None:
    page = " ".join((DOCS / "contributing.md").read_text().split())
    limits = re.search(r"has more than (\d+) lines and no folder more than (\d+) files", page)
    assert limits is not None
    files = list((ROOT / "src").rglob("*.py"))
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {path for path, count in lines.items() if count > int(limits[1])} == set()
    in_folders = Counter(path.parent for path in files)
    assert {path for path, count in in_folders.items() if count > int(limits[2])} == set()


def test_every_decision_is_in_the_index() -> None:
    folder = DOCS / "decisions"
    pages = {path.name for path in folder.glob("*.md")} - {"index.md"}
    assert pages == set(re.findall(r"\]\((\w+\.md)\)", (folder / "index.md").read_text()))


def test_pages_name_the_driver_of_the_locked_cuda() -> None:
    """By NVIDIA's table of minor version compatibility, CUDA 13 needs driver 580 or newer."""
    lock = (ROOT / "requirements.lock").read_text()
    assert re.findall(r"^cuda-toolkit==(\d+)", lock, re.MULTILINE) == ["13"]
    for name in ("my_images", "training", "troubleshooting"):
        page = " ".join((DOCS / f"{name}.md").read_text().split())
        assert "CUDA 13" in page
        assert "driver 580 or newer" in page


def test_section_of_the_readme_that_is_gone_is_an_error() -> None:
    with pytest.raises(ValueError, match="no section 'Nowhere'"):
        generated.readme_section("Nowhere")


def quoted_messages() -> list[str]:
    rows = re.findall(r"^\| `([^`]+)`", (DOCS / "troubleshooting.md").read_text(), re.MULTILINE)
    assert len(rows) > 25
    return rows


@pytest.fixture(scope="module")
def source() -> str:
    """All of it, with texts that go over several lines joined and values made one sign."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py")]
    joined = re.sub(r'"\s*\n\s*f?"', "", "\n".join(texts))
    return re.sub(r"\{[^{}\n]*\}", "…", joined)


@pytest.mark.parametrize("message", quoted_messages())
def test_quoted_message_is_in_the_source(message: str, source: str) -> None:
    parts = [re.escape(part) for part in message.split("…")]
    assert re.search(r"[^\n]{0,60}".join(parts), source), message
