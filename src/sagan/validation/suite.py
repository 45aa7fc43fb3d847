"""Checking the suites against the tables, with every silent success of the library made a failure.

Great Expectations drops expectation types that it does not know, and reports success for an empty
table and for nulls. Here an unknown type is refused before anything is read; an empty table, a null
in a checked column, and an expectation that raised are critical failures.
"""

import logging
import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from sagan.common.text import visible
from sagan.data.validation_status import EMPTY_TABLE
from sagan.validation.config import ExpectationConfig, Table
from sagan.validation.suites import Expected, bounds, columns_of
from sagan.validation.tables import ROW_NAMES

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

OFFENDERS = 5
ABOUT_NULLS = ("expect_column_values_to_be_null", "expect_column_values_to_not_be_null")


class ExpectationResult(NamedTuple):
    """The result of one expectation."""

    name: str
    table: Table
    type: str
    description: str
    severity: str
    passed: bool
    expected: dict[str, Any]
    """The keyword arguments, thresholds filled in."""
    observed: str
    offenders: list[str]
    """The first unexpected rows."""
    unexpected_count: int | None = None
    offending_rows: tuple[tuple[str, str], ...] = ()
    """Name and value of some more of them, if rows have names."""

    @classmethod
    def failed(cls, table: Table, name: str, entry: ExpectationConfig, observed: str) -> Self:
        """The initial value: a critical failure, until a valid result replaces it."""
        return cls(
            name=name,
            table=table,
            type=entry.type,
            description=entry.description,
            severity="critical",
            passed=False,
            expected=entry.kwargs,
            observed=observed,
            offenders=[],
        )

    def summary(self) -> dict[str, Any]:
        """The entry of the report."""
        return {name: value for name, value in self._asdict().items() if name != "offending_rows"}

    def sentence(self) -> str:
        """One line for a person: what was expected, what was found, where."""
        where = f": {', '.join(self.offenders)}" if self.offenders else ""
        more = ", ..." if (self.unexpected_count or 0) > len(self.offenders) > 0 else ""
        told = f"{self.description}{bounds(self.expected)}"
        return f"{self.name}: {told}; found {self.observed}{where}{more}"


def build_expectations(expected: Sequence[Expected]) -> dict[Table, list[Any]]:
    """The suite as Great Expectations' objects, by table.

    Raises:
        ValueError: on unknown types and wrong arguments, all of them at once.
    """
    _import_quietly()
    built: dict[Table, list[Any]] = {}
    problems = []
    for table, name, entry in expected:
        try:
            built.setdefault(table, []).append(_build(name, entry))
        except ValueError as error:
            problems.append(f"- {table}.json, {name}: {error}")
    if listed := "\n".join(problems):
        raise ValueError(f"the expectations (conf/base/expectations) cannot be used:\n{listed}")
    return built


def run_suite(
    tables: Mapping[Table, "pd.DataFrame"],
    expected: Sequence[Expected],
    thresholds: dict[str, int | float],
) -> tuple[list[ExpectationResult], dict[str, Any]]:
    """Check every expectation against its table.

    Args:
        tables: the tables of `build_tables`.
        expected: the expectations to check.
        thresholds: numbers that the suites refer to.

    Returns:
        One result per expectation, in the suite's order, and Great Expectations' own results by
        table, for its renderer.
    """
    gx_results, errors = _validate_tables(tables, expected, thresholds)
    by_name = {
        (table, gx_result.expectation_config.meta["name"]): gx_result
        for table, suite_result in gx_results.items()
        for gx_result in suite_result.results
    }
    results = [
        _judge(
            ExpectationResult.failed(table, name, entry, errors.get(table, "no result")),
            entry,
            tables[table],
            by_name.get((table, name)),
        )
        for table, name, entry in expected
    ]
    return results, gx_results


def _validate_tables(
    tables: Mapping[Table, "pd.DataFrame"],
    expected: Sequence[Expected],
    thresholds: dict[str, int | float],
) -> tuple[dict[str, Any], dict[str, str]]:
    """Great Expectations' results by table, and why a table has none."""
    gx_results: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for table, wanted in build_expectations(expected).items():
        entries = [one.entry for one in expected if one.table == table]
        if not len(tables[table]):
            errors[table] = EMPTY_TABLE
            continue
        try:
            rows = _checked_columns(tables[table], entries)
            gx_results[table] = _validate(table, rows, wanted, thresholds)
        except Exception as error:  # reported, whatever it is
            logger.exception("Great Expectations failed on the table '%s'", table)
            errors[table] = f"an error: {error}"
    return gx_results, errors


def _checked_columns(rows: "pd.DataFrame", entries: Sequence[ExpectationConfig]) -> "pd.DataFrame":
    """Only the columns that are checked: the library copies what it is given."""
    wanted = {name for entry in entries for name in columns_of(entry.kwargs)}
    if any("condition" in key for entry in entries for key in entry.kwargs):
        return rows  # a condition may refer to any
    return rows[[name for name in rows.columns if name in wanted]]


def _import_quietly() -> None:
    """Import the library without its telemetry and log messages."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    # JupyterLab brings a parser of addresses, which takes seconds to build and checks nothing here
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    with warnings.catch_warnings():  # its modules import others that Python deprecates
        warnings.simplefilter("ignore", DeprecationWarning)
        from great_expectations.execution_engine import pandas_execution_engine

    # no batch gets a fingerprint, which nothing here uses: hashing every cell took a fifth of the
    # time at ImageNet's size
    pandas_execution_engine.HASH_THRESHOLD = 0


def _build(name: str, entry: ExpectationConfig) -> Any:  # noqa: ANN401 - the library is untyped
    from great_expectations.exceptions import ExpectationNotFoundError, GreatExpectationsError
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.expectations.registry import (
        list_registered_expectation_implementations,
    )

    try:
        return ExpectationConfiguration(
            type=entry.type,
            kwargs=dict(entry.kwargs),
            severity=entry.severity,
            description=entry.description,
            meta={"name": name},
        ).to_domain_obj()
    except ExpectationNotFoundError:
        known = list_registered_expectation_implementations()
        near = get_close_matches(entry.type, known, n=1)
        remedy = f"; did you mean '{near[0]}'?" if near else ""
        raise ValueError(f"unknown expectation type '{entry.type}'{remedy}") from None
    except (GreatExpectationsError, ValueError, TypeError) as error:
        raise ValueError(" ".join(str(error).split())) from error


def _validate(
    table: Table, rows: "pd.DataFrame", wanted: list[Any], thresholds: dict[str, int | float]
) -> Any:  # noqa: ANN401 - the library is untyped
    """Great Expectations' result for one table that has rows."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
    )

    in_memory = DataContextConfig(store_backend_defaults=InMemoryStoreBackendDefaults())
    context = gx.get_context(mode="ephemeral", project_config=in_memory)
    context.variables.progress_bars = {"globally": False}
    batch = (
        context.data_sources.add_pandas("manifest")
        .add_dataframe_asset(table)
        .add_batch_definition_whole_dataframe("all")
        .get_batch({"dataframe": rows})
    )
    suite = gx.ExpectationSuite(name=table, expectations=wanted)
    return batch.validate(suite, result_format="SUMMARY", expectation_parameters=thresholds)


def _judge(
    result: ExpectationResult,
    entry: ExpectationConfig,
    rows: "pd.DataFrame",
    gx_result: Any | None,  # noqa: ANN401 - the library is untyped
) -> ExpectationResult:
    """Fill in one result; what the library passes by default stays failed."""
    if gx_result is None:
        return result
    kwargs = {
        key: int(value) if isinstance(value, float) and value.is_integer() else value
        for key, value in gx_result.expectation_config.kwargs.items()
        if key != "batch_id"
    }
    result = result._replace(expected=kwargs)
    if raised := list(_exceptions(gx_result.exception_info)):
        return result._replace(observed=f"an error: {raised[0].removeprefix('Error: ')}")
    if nulls := _nulls(entry, rows):
        return result._replace(observed=f"nulls in {nulls}")
    found = gx_result.result
    if found.get("element_count") == 0:  # a row_condition may leave no rows
        return result._replace(observed="no row to check")
    columns = [name for name in columns_of(entry.kwargs) if name in rows]
    named = tuple(_named_rows(found, rows, ROW_NAMES[result.table], columns))
    shown = [visible(f"{name} ({value})" if value else name) for name, value in named[:OFFENDERS]]
    of_one_row = ROW_NAMES[result.table] is None and len(columns) == 1 and len(rows) == 1
    return result._replace(
        severity=entry.severity,
        passed=bool(gx_result.success),
        observed=_readable(rows[columns[0]].iloc[0].item()) if of_one_row else _observed(found),
        offenders=shown,
        offending_rows=named,
        unexpected_count=found.get("unexpected_count"),
    )


def _exceptions(info: Any) -> Iterator[str]:  # noqa: ANN401 - flat, or nested by metric
    """Messages of raised exceptions, wherever the library put them."""
    if isinstance(info, dict):
        if info.get("raised_exception"):
            yield " ".join(str(info.get("exception_message")).split())
        for part in info.values():
            yield from _exceptions(part)


def _nulls(entry: ExpectationConfig, rows: "pd.DataFrame") -> str:
    """Checked columns with nulls, and how many; empty for expectations about nulls."""
    if entry.type in ABOUT_NULLS:
        return ""
    checked = [name for name in columns_of(entry.kwargs) if name in rows]
    counts = {name: int(rows[name].isna().sum()) for name in checked}
    return ", ".join(f"{name} ({count:,})" for name, count in counts.items() if count)


def _observed(found: dict[str, Any]) -> str:
    if "unexpected_count" in found and "element_count" in found:
        wrong, rows = found["unexpected_count"], found["element_count"]
        return f"{wrong:,} of {rows:,} not as expected" if wrong else f"all {rows:,} as expected"
    value = found.get("observed_value")
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _named_rows(
    found: dict[str, Any], rows: "pd.DataFrame", row_name: str | None, columns: list[str]
) -> Iterator[tuple[str, str]]:
    """Name and values of the rows that the library lists, if rows have names."""
    for label in (found.get("partial_unexpected_index_list") or []) if row_name else []:
        row = rows.loc[label]
        values = [row[n] for n in columns if n != row_name and rows[n].dtype.kind != "b"]
        yield str(row[row_name]), ", ".join(_readable(value) for value in values)


def _readable(value: Any) -> str:  # noqa: ANN401 - a cell of any table
    return f"{value:.4g}" if isinstance(value, float) else str(value)
