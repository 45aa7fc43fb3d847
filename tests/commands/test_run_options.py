"""The options of `kedro run`: lists in `--params`, and refusals in words."""

import re

import click
import pytest
from kedro.framework.project import configure_project
from omegaconf import OmegaConf

from sagan.cli import run
from sagan.commands.run_options import (
    require_names,
    require_pipelines,
    runtime_params,
    split_params,
)


def split(text: str) -> dict:
    return runtime_params(split_params(click.Context(run), run.params[0], text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        (" training.seed=1 , sampling.seed=2,", {"training": {"seed": 1}, "sampling": {"seed": 2}}),
        ("training.betas=[0.0,0.9]", {"training": {"betas": [0.0, 0.9]}}),
        ("acquisition.path=2024", {"acquisition": {"path": "2024"}}),
        ("acquisition.classes=3,a=1", {"acquisition": {"classes": "3"}, "a": 1}),
    ],
)
def test_parameters_have_the_types_of_the_pipelines_models(text: str, expected: dict) -> None:
    configure_project("sagan")
    assert split(text) == expected


@pytest.mark.parametrize("path", ["/x/${oc.env:HOME}", r"a\${b}", r"\\${c} ${", r"d\e", "$f"])
def test_nothing_is_put_in_the_place_of_a_variable(path: str) -> None:
    configure_project("sagan")
    given = split(f"acquisition.path={path},acquisition.classes=[{path!r}]")
    merged = OmegaConf.to_container(OmegaConf.create(given), resolve=True)
    assert merged["acquisition"]["path"] == path


@pytest.mark.parametrize("text", ["training.seed", "=3", "training.betas=[0.0", "a='x,b=1"])
def test_what_is_no_assignment_is_refused(text: str) -> None:
    with pytest.raises(click.UsageError, match="--params: ") as caught:
        split(text)
    assert text.partition("=")[0] in caught.value.message


def test_what_a_configuration_file_gave_is_taken_as_it_is() -> None:
    given = {"training": {"seed": 1}}
    assert runtime_params(split_params(click.Context(run), run.params[0], given)) is given


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--load-versions=a"], "'load_versions'"),  # Kedro alone says `NoneType: None`
        (["train"], "extra argument (train); pipelines are named by --pipeline=NAME"),
        (["--env=a", "train"], "extra argument (train); pipelines are named by --pipeline=NAME"),
        (["--params=a.b=1,", "a.c=2"], "extra argument (a.c=2); parameters are one word"),
        (["--params", "a.b=/my", "own", "-e", "x"], "(own); parameters are one word"),
        (["--params=a.b=/my", "very", "own"], "(very own); parameters are one word"),
        (["--pipline=train"], "Did you mean one of: '--pipeline'"),
        (["--conf-source=/no/such/folder"], "'/no/such/folder' does not exist"),
        (["--params=training.betas=[0.0,0.9"], "expected ]"),
    ],
)
def test_a_wrong_command_line_is_refused_in_words(words: list[str], message: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        run.make_context("run", words)
    assert message in " ".join(caught.value.format_message().split())


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("trian", "did you mean 'train'?"), ("zebra", "there are acquisition, compare, comparison,")],
)
def test_an_unknown_pipeline_is_told_with_those_that_there_are(name: str, remedy: str) -> None:
    configure_project("sagan")
    require_pipelines(["train", "evaluation"])
    with pytest.raises(ValueError, match=f"unknown pipeline '{name}'; {re.escape(remedy)}"):
        require_pipelines(["train", name])


@pytest.mark.parametrize(
    ("option", "name", "message"),
    [
        ("tags", "modle", "unknown tag 'modle'; did you mean 'model'?"),
        ("tags", "zebra", "unknown tag 'zebra'; there are acquisition, data, data_validation,"),
        ("to_nodes", "reporting.colect_scores", "did you mean 'reporting.collect_scores'?"),
        ("node_names", "write_report", "did you mean 'reporting.write_report'?"),
        ("from_inputs", "metrix", "unknown dataset 'metrix'; did you mean 'metrics'?"),
    ],
)
def test_an_unknown_name_of_a_part_of_a_run_is_told(option: str, name: str, message: str) -> None:
    configure_project("sagan")
    pipelines = ["train", "evaluate"]
    known = {"tags": ["model"], "to_nodes": ["sampling.draw_grid"], "from_inputs": ["metrics"]}
    require_names({"pipelines": pipelines, **known})
    with pytest.raises(ValueError, match="unknown") as caught:
        require_names({"pipelines": pipelines, option: [name]})
    assert message in str(caught.value)
    require_names({"pipelines": [], "tags": ()})
