"""No command of the pages is left out unseen, and no entry outlives what it is about."""

import re
import shutil
from pathlib import Path

import pytest
import yaml
from kedro.config import OmegaConfigLoader

from sagan.common.schema import deep_merge
from sagan.pipeline_registry import register_pipelines
from sagan.preflight.parameters import check_parameters
from sagan.settings import CONFIG_LOADER_ARGS
from tests.documented import tables
from tests.documented.between import AFTER, BEFORE
from tests.documented.clone import LIGHTER
from tests.documented.pages import ROOT, documented
from tests.documented.session import fetches_packages, lightened, placeholders, server
from tests.documented.world import World

COMMANDS = documented()
TEXTS = {command.text for command in COMMANDS}
LISTED = tables.NAMES | tables.NOT_EXECUTED.keys() | tables.FETCHES_PACKAGES.keys()
BUDGETS = yaml.safe_load(LIGHTER.read_text())

# the user's own, in the pages' ways to write it
_USERS = re.compile(r"<\w+>|(?<![\w:/.])/\w+|\b[A-Z]{3,}\b|\.example\b")


@pytest.mark.parametrize("table", [LISTED, BEFORE, AFTER, tables.ELSEWHERE])
def test_every_command_of_a_table_is_in_the_pages(table: dict) -> None:
    assert set(table) <= TEXTS


@pytest.mark.parametrize("phrase", tables.PLACES)
def test_every_placeholder_is_in_the_pages(phrase: str) -> None:
    assert any(phrase in placeholders(text) for text in TEXTS)


@pytest.mark.parametrize("phrase", tables.LIGHTER_WORDS)
def test_every_lighter_phrase_changes_a_command(phrase: str) -> None:
    lighter = tables.LIGHTER_WORDS[phrase]
    assert any(lightened(text) == text.replace(phrase, lighter) != text for text in TEXTS)


@pytest.mark.parametrize("begin", tables.ANSWERS)
def test_every_question_is_in_the_pages(begin: str) -> None:
    assert any(text.startswith(begin) for text in TEXTS)


@pytest.mark.parametrize("begin", tables.SERVERS)
def test_every_server_is_in_the_pages(begin: str) -> None:
    assert any(server(text) == tables.SERVERS[begin] for text in TEXTS if text.startswith(begin))


def test_no_command_is_in_two_tables() -> None:
    lists = (tables.NAMES, tables.NOT_EXECUTED.keys(), tables.FETCHES_PACKAGES.keys())
    assert sum(map(len, lists)) == len(LISTED)


def test_what_stands_for_the_users_own_exists() -> None:
    for name in (*tables.PLACES.values(), *tables.ELSEWHERE.values()):
        assert hasattr(World, name), name


@pytest.mark.parametrize("text", sorted(TEXTS - LISTED))
def test_every_other_command_can_be_typed(text: str) -> None:
    """Nothing that is the user's own is left in it."""
    if fetches_packages(text):
        return
    for phrase in placeholders(lightened(text)):
        text = text.replace(phrase, " own " if phrase.startswith(" ") else "own")
    assert not _USERS.findall(text.replace("SAGAN_STUDIES", "").replace("PYTHONPATH", ""))


def test_what_is_not_executed_is_told_with_its_reason() -> None:
    page = (ROOT / "docs" / "contributing.md").read_text()
    told = page.partition("<!-- not executed -->")[2].partition("<!-- end -->")[0]
    rows = dict(re.findall(r"^\| `(.+?)` \| (.+?) \|$", told, re.MULTILINE))
    expected = tables.NOT_EXECUTED | tables.FETCHES_PACKAGES
    assert rows == {text.replace("|", "\\|"): why for text, why in expected.items()}


@pytest.mark.parametrize("environment", BUDGETS)
def test_small_budgets_are_parameters(environment: str, tmp_path: Path) -> None:
    conf = tmp_path / "conf"
    shutil.copytree(ROOT / "conf", conf, ignore=shutil.ignore_patterns("local"))
    for name, pipelines in BUDGETS.items():
        for pipeline, values in pipelines.items():
            path = conf / name / f"parameters_{pipeline}.yml"
            before = yaml.safe_load(path.read_text())
            path.write_text(yaml.safe_dump(deep_merge(before, {pipeline: values})))
    loader = OmegaConfigLoader(str(conf), env=environment, **CONFIG_LOADER_ARGS)
    check_parameters(loader["parameters"], register_pipelines())
