"""Parameters from files without Kedro, and from the command line as `key.path=value`."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError

from sagan.common.schema import Config, Settings, deep_merge
from sagan.common.text import read_text

_NAME = re.compile(r"\s*([\w-]+(?:\.[\w-]+)*)\s*=")
# a comma ends a value where the next name follows, so that `classes=a,b,seed=1` has two values
_NEXT = re.compile(rf",(?={_NAME.pattern}|\s*$)")
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_CLOSING = {"[": "]", "{": "}"}
_TAGS = {
    "bool": r"[Tt]rue|TRUE|[Ff]alse|FALSE",
    "null": r"[Nn]ull|NULL|~|",
    "int": r"[-+]?(?:0|[1-9]\d*)",
    "float": r"[-+]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][-+]?\d+)?",
}


class UniqueKeyLoader(yaml.SafeLoader):
    """Safe loader that refuses a repeated key; YAML would silently drop the first."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:  # noqa: ANN401 - untyped
        """Refuse a repeated key as written; keys merged by `<<` may be overridden."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue  # refused when the mapping is constructed
            if (key.tag, key.value) in seen:
                fault = f"found the key '{key.value}' twice"
                raise yaml.constructor.ConstructorError(None, None, fault, key.start_mark)
            seen.add((key.tag, key.value))
        return node


class _TextLoader(UniqueKeyLoader):
    """Loader to which every unquoted value is text."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - as in the base


class _ValueLoader(_TextLoader):
    """Loader without YAML's rarer types: `yes`, `001`, `1_000`, `12:30` and dates are text."""


for _tag, _pattern in _TAGS.items():
    _ValueLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), None
    )


class Assignment(NamedTuple):
    """One parameter of the command line."""

    keys: tuple[str, ...]
    value: Any
    as_text: Any
    """The value with every number, boolean and null in it as the text that was given."""


def split_assignments(text: str) -> list[Assignment]:
    """Read `a.b=1,c=[2, 3]`: comma-separated, but for commas in quotes, brackets and text.

    Raises:
        ValueError: an item without a name or a value, an unclosed quote or bracket, or a list or
            mapping that is not valid YAML.
    """
    found, rest = [], text
    while rest.strip(", \t\n"):
        start = _NAME.match(rest)
        if start is None:
            raise ValueError(f"expected NAME=VALUE, got '{rest.strip()}'")
        value = rest[start.end() :]
        after = _NEXT.search(value, _end_of_first(value, start[1]))
        end = after.start() if after else len(value)
        found.append(parse_assignment(rest[: start.end() + end]))
        rest = value[end + 1 :]
    return found


def parse_assignment(item: str) -> Assignment:
    """Read `a.b=value`.

    The value is taken as written, unless the whole of it is a number, `true`, `false`, `null`, a
    list, a mapping or text in quotes.

    Raises:
        ValueError: as `split_assignments`.
    """
    start = _NAME.match(item)
    value = item[start.end() :].strip() if start else ""
    if not start or not value:
        raise ValueError(f"expected NAME=VALUE, got '{item.strip()}'; null is none, '' no text")
    keys = tuple(start[1].split("."))
    plain = _end_of_first(value, start[1]) < len(value)
    if plain and not re.fullmatch("|".join(_TAGS.values()), value):
        return Assignment(keys, value, value)
    try:
        return Assignment(keys, *(yaml.load(value, one) for one in (_ValueLoader, _TextLoader)))  # noqa: S506 - safe ones
    except yaml.YAMLError as error:
        fault = getattr(error, "problem", None) or error
        raise ValueError(
            f"{start[1]}: {value} is not valid YAML: {fault}; put text in quotes"
        ) from None


def _end_of_first(value: str, name: str) -> int:
    """Index behind the quoted text, list or mapping that a value begins with; 0 without one."""
    at, opened, before = len(value) - len(value.lstrip()), [], "["  # a quote may stand after it
    if value[at : at + 1] not in {*_CLOSING, "'", '"'}:
        return 0
    while at < len(value):
        found = value[at]
        if found in "'\"" and before in "[{,:":  # elsewhere it is an apostrophe
            quoted = _QUOTED.match(value, at)
            if quoted is None:
                raise ValueError(f"{name}: unclosed {found} in {value.strip()}")
            at = quoted.end() - 1
        elif found in _CLOSING:
            opened.append(_CLOSING[found])
        elif opened and found == opened[-1]:
            opened.pop()
        at, before = at + 1, found if found.strip() else before
        if not opened:
            return at
    raise ValueError(f"{name}: expected {opened[-1]} at the end of {value.strip()}")


def merge_assignments(
    assignments: Iterable[Assignment], models: Mapping[str, type[Config]]
) -> Settings:
    """Nested settings, in which a number or boolean is text where its field holds text.

    Args:
        assignments: later ones override earlier ones.
        models: of the first keys; below any other key, values stay what they look like.
    """
    given = list(assignments)
    settings = _nested((one.keys, one.value) for one in given)
    texts = set()
    for name in settings.keys() & models.keys():
        try:
            models[name].model_validate(settings[name])
        except ValidationError as error:
            texts |= {(name, *f["loc"]) for f in error.errors() if f["type"] == "string_type"}
    return _nested(
        (keys, as_text if any(place[: len(keys)] == keys for place in texts) else value)
        for keys, value, as_text in given
    )


def _nested(values: Iterable[tuple[tuple[str, ...], Any]]) -> Settings:
    settings: Settings = {}
    for keys, value in values:
        layer = value
        for key in reversed(keys):
            layer = {key: layer}
        settings = deep_merge(settings, layer)
    return settings


def load_settings(
    section: str,
    files: Sequence[Path],
    assignments: Sequence[str],
    model: type[Config] = Config,
) -> Settings:
    """Parameters for a command without Kedro: files merged in order, then assignments.

    Args:
        section: the files' top key, such as 'training'.
        files: YAML or JSON, later ones win.
        assignments: 'key.path=value', as `parse_assignment` reads it.
        model: of the section; decides where a number is text.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file without the section or not valid YAML, or an assignment that is none.
    """
    settings: Settings = {}
    for file in files:
        settings = deep_merge(settings, _read_section(section, file))
    try:
        given = [parse_assignment(item) for item in assignments]
    except ValueError as error:
        raise ValueError(f"--set: {error}") from None
    below = [one._replace(keys=(section, *one.keys)) for one in given]
    return deep_merge(settings, merge_assignments(below, {section: model}).get(section, {}))


def _read_section(section: str, file: Path) -> Settings:
    try:
        content = yaml.load(read_text(file), Loader=UniqueKeyLoader)  # noqa: S506
    except yaml.YAMLError as error:
        raise ValueError(f"{file} is not valid YAML: {error}") from None
    if not isinstance(content, dict) or section not in content:
        raise ValueError(f"{file} has no top key '{section}'")
    values = content[section]
    if not isinstance(values, dict):
        got = "nothing" if values is None else type(values).__name__
        raise ValueError(f"{file}: expected parameters below '{section}', got {got}")
    return values
