"""The options of `kedro run`: lists in `--params`, and the nearest of every misspelt name."""

import sys

import click
import pytest
from kedro.pipeline import Node, Pipeline

from sagan.cli import run
from sagan.commands.run_options import refuse_unknown, split_params

NOTHING = {
    "pipelines": [],
    "node_names": [],
    "from_nodes": [],
    "to_nodes": [],
    "from_inputs": [],
    "to_outputs": [],
    "namespaces": [],
    "tags": [],
    "runner": None,
}


def split(text: str) -> dict:
    return split_params(click.Context(run), run.params[0], text)


def work(value: object) -> object:
    return value


def registered() -> dict[str, Pipeline]:
    training = Pipeline(
        [Node(work, "image_shards", "generator_bundle", name="train_gan", tags="slow")],
        namespace="training",
        prefix_datasets_with_namespace=False,
    )
    sampling = Pipeline(
        [Node(work, "generator_bundle", "sample_grid", name="draw_grid")],
        namespace="sampling",
        prefix_datasets_with_namespace=False,
    )
    return {"__default__": training + sampling, "training": training, "sampling": sampling}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("training.seed=1", {"training": {"seed": 1}}),
        (" training.seed=1 , sampling.seed=2,", {"training": {"seed": 1}, "sampling": {"seed": 2}}),
        ("training.betas=[0.0,0.9]", {"training": {"betas": [0.0, 0.9]}}),
        ("a={x: 1, y: [2, 3]},b=true", {"a": {"x": 1, "y": [2, 3]}, "b": True}),
        ("a.path=null", {"a": {"path": None}}),
        ('reporting.title="Digits, again",a=1', {"reporting": {"title": "Digits, again"}, "a": 1}),
        ("a.path=/data/x=y", {"a": {"path": "/data/x=y"}}),
        ("a.rate=1e-4", {"a": {"rate": 0.0001}}),
    ],
)
def test_values_are_yaml_and_commas_within_brackets_or_quotes_are_kept(
    text: str, expected: dict
) -> None:
    assert split(text) == expected


@pytest.mark.parametrize("text", ["training.seed", "=3", "training.betas=[0.0"])
def test_what_is_no_assignment_is_refused(text: str) -> None:
    with pytest.raises(click.UsageError, match="--params: ") as caught:
        split(text)
    assert text in caught.value.message


def test_a_list_without_brackets_is_told_how_to_write_it() -> None:
    with pytest.raises(click.UsageError, match=r"got '0\.9' \(a comma .*NAME=\[0\.0,0\.9\]"):
        split("training.betas=0.0,0.9")


def test_what_a_configuration_file_gave_is_taken_as_it_is() -> None:
    given = {"training": {"seed": 1}}
    assert split_params(click.Context(run), run.params[0], given) is given


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pipelines": ["trainign"]}, "unknown pipeline 'trainign'; did you mean 'training'?"),
        (
            {"pipelines": ["zzz"]},
            "unknown pipeline 'zzz'; known pipelines: __default__, sampling, training",
        ),
        (
            {"node_names": ["training.trian_gan"]},
            "unknown node 'training.trian_gan'; did you mean 'training.train_gan'?",
        ),
        (
            {"to_nodes": ["draw_grid"]},
            "unknown node 'draw_grid'; did you mean 'sampling.draw_grid'?",
        ),
        (
            {"pipelines": ["training"], "from_nodes": ["sampling.draw_grid"]},
            "unknown node 'sampling.draw_grid'; known nodes: training.train_gan",
        ),
        (
            {"to_outputs": ["sample_gird"]},
            "unknown dataset 'sample_gird'; did you mean 'sample_grid'?",
        ),
        ({"from_inputs": ["shards"]}, "unknown dataset 'shards'; did you mean 'image_shards'?"),
        ({"runner": "Sequential"}, "unknown runner 'Sequential'; did you mean 'SequentialRunner'?"),
    ],
)
def test_a_misspelt_name_is_told_with_the_nearest(options: dict, message: str) -> None:
    with pytest.raises(click.ClickException) as caught:
        refuse_unknown(NOTHING | options, registered())
    assert caught.value.message == message


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"pipelines": ["training", "sampling"], "node_names": ["sampling.draw_grid"]},
        {"from_inputs": ["generator_bundle"], "tags": ["slow"], "namespaces": ["sampling"]},
        {"runner": "some.package.Runner"},
    ],
)
def test_known_names_pass(options: dict) -> None:
    refuse_unknown(NOTHING | options, registered())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--load-versions=a"], "'load_versions'"),  # Kedro alone says `NoneType: None`
        (["train"], "extra argument (train); pipelines are named by --pipeline=NAME"),
        (["--pipline=train"], "Did you mean one of: '--pipeline'"),
        (["--conf-source=/no/such/folder"], "'/no/such/folder' does not exist"),
        (["--params=training.betas=[0.0,0.9"], "expected ',' or ']'"),
    ],
)
def test_a_wrong_command_line_is_refused_in_words_that_fit_the_terminal(
    words: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(click.UsageError) as caught:
        run.make_context("run", words)
    said = f"Error: {caught.value.format_message()}"
    assert message in " ".join(said.split())
    assert max(map(len, said.splitlines())) <= 80
