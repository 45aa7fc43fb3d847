"""Preflight checks of the catalog: missing entries, misspelt classes, keys and names.

Kedro keeps a dataset without an entry in memory only, and finds a misspelt class when its node
runs, perhaps after hours of training.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Set
from difflib import get_close_matches
from importlib.util import find_spec
from inspect import signature
from typing import Any

from kedro.io import CatalogConfigResolver

from sagan.common.schema import unknown_key

logger = logging.getLogger(__name__)

_CATCHES_ALL = re.compile(r"\{\w+\}")
_IN_MEMORY = {"{default}": {"type": "kedro.io.MemoryDataset"}}  # Kedro's default
_OURS = "sagan.datasets."
_OF_KEDRO = {"type", "versioned", "credentials", "validator"}  # read before a dataset is made


def check_catalog(entries: Mapping[str, Any], artefacts: Set[str]) -> None:
    """Check the catalog against the datasets of all pipelines.

    Args:
        entries: The merged configuration of the catalog.
        artefacts: What nodes read and write, without parameters.

    Raises:
        ValueError: listing all faults at once.
    """
    faults = [
        f"{name}: no entry, so it would not be saved (if intended, give it type: MemoryDataset)"
        for name in _without_entry(entries, artefacts)
    ]
    for name in sorted(artefacts & entries.keys()):
        faults += _entry_faults(name, entries[name])
    if faults:
        listed = "\n".join(f"  {fault}" for fault in faults)
        raise ValueError(f"wrong catalog (conf/*/catalog*.yml):\n{listed}")
    for name in sorted(entries.keys() - artefacts):
        near = get_close_matches(name, list(artefacts), n=1, cutoff=0.85)
        if near:
            logger.warning(
                "catalog entry '%s' is used by no node; did you mean '%s'?", name, near[0]
            )


def _without_entry(entries: Mapping[str, Any], artefacts: Set[str]) -> list[str]:
    patterns = {name: entry for name, entry in entries.items() if "{" in name}
    if any(_CATCHES_ALL.fullmatch(name) for name in patterns):
        return []
    resolver = CatalogConfigResolver(patterns, default_runtime_patterns=_IN_MEMORY)
    missing = sorted(artefacts - entries.keys())
    return [name for name in missing if not resolver.match_dataset_pattern(name)]


def _entry_faults(name: str, entry: Any) -> Iterator[str]:  # noqa: ANN401 - raw configuration
    if not isinstance(entry, Mapping) or not isinstance(entry.get("type"), str):
        yield f"{name}: got {entry!r}; expected a mapping with a 'type'"
        return
    kind = entry["type"]
    if kind.startswith("sagan.") and find_spec(kind.rpartition(".")[0]) is None:
        yield f"{name}.type: got '{kind}'; the project's classes are {_OURS}<Name>"
    if not kind.startswith(_OURS):
        return  # Kedro checks other libraries' classes
    import sagan.datasets

    class_name = kind.removeprefix(_OURS)
    if class_name not in sagan.datasets.__all__:
        phrase = unknown_key(class_name, sagan.datasets.__all__)
        yield f"{name}.type: {phrase.replace('unknown key', 'unknown class')}"
        return
    parameters = signature(getattr(sagan.datasets, class_name)).parameters
    taken = set(parameters) | _OF_KEDRO
    yield from (f"{name}: {unknown_key(key, taken)}" for key in entry if key not in taken)
    needed = [key for key, parameter in parameters.items() if parameter.default is parameter.empty]
    yield from (f"{name}: no '{key}'" for key in needed if key not in entry)
