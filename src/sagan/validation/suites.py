"""Reading the suites: a JSON file per table, in Great Expectations' own form.

They are checked here without the library, so that faults are reported before anything runs;
`suite.build_expectations` checks types and arguments.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, get_args

from pydantic import ValidationError

from sagan.common.schema import describe_faults, unknown_key
from sagan.validation.config import DataValidationConfig, ExpectationConfig, SuiteConfig, Table

TABLES: tuple[Table, ...] = get_args(Table)
# columns that exist only if the parameters name the known classes
ABOUT_KNOWN_CLASSES = frozenset({"known", "known_label"})
_WORDS = {"min_value": "at least", "max_value": "at most"}
_REMOVED = {
    "several_classes": "leave out 'several_classes', which is a part of class_count now: "
    "data_validation.thresholds.min_classes=1 allows one class"
}
COLUMN_KEYS = ("column", "column_A", "column_B")


class Expected(NamedTuple):
    """One expectation, with its severity after the parameters."""

    table: Table
    name: str
    entry: ExpectationConfig


class Skipped(NamedTuple):
    """One expectation that is not checked, and why."""

    table: Table
    name: str
    description: str
    reason: str


class Suites(NamedTuple):
    """The checked and the skipped expectations, in the order of the files."""

    expected: tuple[Expected, ...]
    skipped: tuple[Skipped, ...]


def read_suites(documents: Mapping[str, Any], config: DataValidationConfig) -> Suites:
    """Check the suites' files together with the parameters.

    Args:
        documents: parsed JSON by file stem, which is the table's name.
        config: thresholds, severities, known classes.

    Raises:
        ValueError: listing all faults at once.
    """
    found, faults = _entries(documents)
    faults += _shared_names(found)
    faults += _threshold_faults(found, config.thresholds)
    names = [name for _, name, _ in found]
    faults += [
        f"data_validation.severity: {_REMOVED.get(name) or unknown_key(name, names)}"
        for name in config.severity
        if name not in names
    ]
    expected, skipped = [], []
    for one in found:
        reason = _why_skipped(one, config)
        if reason:
            skipped.append(Skipped(one.table, one.name, one.entry.description, reason))
        else:
            severity = config.severity.get(one.name, one.entry.severity)
            entry = one.entry.model_copy(update={"severity": severity})
            expected.append(one._replace(entry=entry))
    if found and not any(one.entry.severity == "critical" for one in expected):
        faults.append("no critical expectation is left, so nothing could fail; keep at least one")
    if faults:
        listed = "\n".join(f"- {fault}" for fault in faults)
        raise ValueError(f"the expectations (conf/base/expectations) cannot be used:\n{listed}")
    return Suites(tuple(expected), tuple(skipped))


def bounds(expected: Mapping[str, Any], *, numbers_only: bool = False) -> str:
    """What an expectation demands beside its columns, in brackets; empty: nothing.

    Args:
        expected: Its keyword arguments, thresholds filled in.
        numbers_only: Whether lists and other values are left out.
    """
    shown = [
        f"{_WORDS.get(key, key)} {value}"
        for key, value in expected.items()
        if not key.startswith("column") and value != [True]  # the description says these
        if key in _WORDS or not numbers_only
    ]
    return f" ({', '.join(shown)})" if shown else ""


def columns_of(kwargs: Mapping[str, Any]) -> list[str]:
    """The columns that an expectation checks."""
    return [
        *(kwargs[key] for key in COLUMN_KEYS if key in kwargs),
        *kwargs.get("column_list", []),
        *kwargs.get("column_set", []),
    ]


def _entries(documents: Mapping[str, Any]) -> tuple[list[Expected], list[str]]:
    """The valid suites' expectations, and the faults of the others."""
    found: list[Expected] = []
    faults: list[str] = []
    if not documents:
        faults.append(f"there is no suite; expected {', '.join(f'{name}.json' for name in TABLES)}")
    for table in TABLES:
        if table not in documents:
            continue
        try:
            suite = SuiteConfig.model_validate(documents[table])
        except ValidationError as error:
            faults += [f"{table}.json: {fault}" for fault in describe_faults(error)]
            continue
        found += [Expected(table, entry.meta.name, entry) for entry in suite.expectations]
    unknown = [name for name in documents if name not in TABLES]
    faults += [
        f"{name}.json: {unknown_key(name, TABLES).replace('key', 'table', 1)}" for name in unknown
    ]
    return found, faults


def _shared_names(found: list[Expected]) -> Iterator[str]:
    owner: dict[str, Table] = {}
    for table, name, _ in found:
        if name in owner:
            elsewhere = "" if owner[name] == table else f", first in {owner[name]}.json"
            yield f"{table}.json: the name '{name}' is used twice{elsewhere}"
        owner.setdefault(name, table)


def _threshold_faults(found: list[Expected], thresholds: Mapping[str, float]) -> Iterator[str]:
    referenced = {name for _, _, entry in found for name in _referenced(entry.kwargs)}
    for name in sorted(referenced - thresholds.keys()):
        yield f"a suite uses a threshold that is not in data_validation.thresholds: '{name}'"
    for name in sorted(thresholds.keys() - referenced):
        yield (
            f"data_validation.thresholds: {unknown_key(name, referenced)}; no suite uses it (to "
            "leave an expectation out, set data_validation.severity.<its name> to skip)"
        )
    for name, value in thresholds.items():
        if "fraction" in name.split("_") and not 0 <= value <= 1:
            yield f"data_validation.thresholds.{name}: expected a share from 0 to 1, got {value}"


def _why_skipped(one: Expected, config: DataValidationConfig) -> str:
    if config.severity.get(one.name) == "skip":
        return f"data_validation.severity.{one.name} is skip"
    if config.known_classes is None and ABOUT_KNOWN_CLASSES & {*columns_of(one.entry.kwargs)}:
        return "data_validation.known_classes is not set"
    return ""


def _referenced(value: Any) -> Iterator[str]:  # noqa: ANN401 - any part of an expectation's kwargs
    """Names of the thresholds that a part of an expectation refers to."""
    if isinstance(value, dict):
        if isinstance(value.get("$PARAMETER"), str):
            yield value["$PARAMETER"]
        for part in value.values():
            yield from _referenced(part)
    elif isinstance(value, list):
        for part in value:
            yield from _referenced(part)
