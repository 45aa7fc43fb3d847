"""Preflight checks of the catalog: missing entries, misspelt classes, keys and names.

Kedro keeps a dataset without an entry in memory only, and finds a misspelt class when its node
runs, perhaps after hours of training.
"""

import logging
import re
from collections.abc import Mapping, Set
from difflib import get_close_matches
from typing import Any

from kedro.io import AbstractDataset, CatalogConfigResolver, DatasetError

logger = logging.getLogger(__name__)

_CATCHES_ALL = re.compile(r"\{\w+\}")
_WORKSPACE = "sagan.datasets.WorkspaceDataset"
_IN_MEMORY = {"{default}": {"type": "kedro.io.MemoryDataset"}}  # Kedro's default
_OF_CATALOG = {"credentials", "validator"}  # read before a dataset is made


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
    made = (_entry_fault(name, entries[name]) for name in sorted(artefacts & entries.keys()))
    faults += [fault for fault in made if fault]
    if faults:
        listed = "\n".join(f"  {fault}" for fault in faults)
        raise ValueError(f"wrong catalog (conf/*/catalog*.yml):\n{listed}")
    for name in sorted(entries.keys() - artefacts):
        near = get_close_matches(name, list(artefacts), n=1, cutoff=0.85)
        if near:
            logger.warning(
                "catalog entry '%s' is used by no node; did you mean '%s'?", name, near[0]
            )


def check_load_versions(entries: Mapping[str, Any], load_versions: Mapping[str, str]) -> None:
    """Refuse versions to load of datasets that have none.

    Raises:
        ValueError: naming them.
    """
    known = {name: entry for name, entry in entries.items() if isinstance(entry, Mapping)}
    without = [
        name for name in load_versions or {} if not known.get(name, {}).get("versioned", False)
    ]
    if without:
        raise ValueError(
            f"--load-versions: {', '.join(sorted(without))}: no versions are kept; "
            "versioned: true in the catalog (conf/*/catalog*.yml) keeps them"
        )


def _without_entry(entries: Mapping[str, Any], artefacts: Set[str]) -> list[str]:
    patterns = {name: entry for name, entry in entries.items() if "{" in name}
    if any(_CATCHES_ALL.fullmatch(name) for name in patterns):
        return []
    resolver = CatalogConfigResolver(patterns, default_runtime_patterns=_IN_MEMORY)
    missing = sorted(artefacts - entries.keys())
    return [name for name in missing if not resolver.match_dataset_pattern(name)]


def _entry_fault(name: str, entry: Any) -> str | None:  # noqa: ANN401 - raw configuration
    """Why a dataset of the project's own cannot be made; Kedro would find it when its node runs."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get("type"), str):
        return f"{name}: got {entry!r}; expected a mapping with a 'type'"
    if name.endswith("_workspace") and entry["type"] != _WORKSPACE:
        return f"{name}: nodes work in this folder themselves; expected type: {_WORKSPACE}"
    if not entry["type"].startswith("sagan."):
        return None  # making another library's dataset would import the library
    try:
        AbstractDataset.from_config(
            name, {key: value for key, value in entry.items() if key not in _OF_CATALOG}
        )
    except DatasetError as error:
        reason = str(error.__cause__ or error).strip().partition("\n")[0]
        return f"{name}: {reason}"
    return None
