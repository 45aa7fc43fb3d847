"""The options of `kedro run`: lists in `--params`, and refusals in words."""

import click
import pytest

from sagan.cli import run
from sagan.commands.run_options import split_params


def split(text: str) -> dict:
    return split_params(click.Context(run), run.params[0], text)


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


def test_a_comma_without_a_name_after_it_belongs_to_the_value() -> None:
    assert split("classes=goldfish,crane,a=1") == {"classes": "goldfish,crane", "a": 1}


def test_what_a_configuration_file_gave_is_taken_as_it_is() -> None:
    given = {"training": {"seed": 1}}
    assert split_params(click.Context(run), run.params[0], given) is given


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
def test_a_wrong_command_line_is_refused_in_words(words: list[str], message: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        run.make_context("run", words)
    assert message in " ".join(caught.value.format_message().split())
