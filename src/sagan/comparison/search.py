"""The search before a comparison: which parameters suit each variant, by short runs."""

import math
from collections.abc import Sequence
from typing import Any

from sagan.common.schema import deep_merge
from sagan.comparison.config import ComparisonConfig, VariantConfig
from sagan.comparison.result_store import RunResult
from sagan.comparison.summary import metric_names

SearchRecord = list[dict[str, Any]]


def search_config(config: ComparisonConfig) -> ComparisonConfig:
    """The search as a comparison of its own: every variant with every candidate, one seed.

    Raises:
        ValueError: if a candidate sets what the comparison sets.
    """
    search = config.search
    variants = [
        VariantConfig(
            name=_run_name(variant.name, number),
            recipe=variant.recipe,
            parameters=deep_merge(
                deep_merge(variant.parameters, candidate), {"scoring": {"every_images": 0}}
            ),
        )
        for number, candidate in enumerate(search.candidates)
        for variant in config.variants
    ]
    return config.model_copy(
        update={
            "variants": tuple(variants),
            "reference": variants[0].name,
            "seeds": (search.seed,),
            "total_images": search.total_images,
            "score_every_images": None,
        }
    )


def choose_candidates(
    config: ComparisonConfig, results: Sequence[RunResult]
) -> tuple[ComparisonConfig, dict[str, SearchRecord]]:
    """The comparison of variants with their best candidates.

    Args:
        config: the comparison with its search.
        results: of all runs of `search_config`.

    Returns:
        The comparison; and for each variant its candidates: `parameters`, `score` (the name of the
        distance), `value` (None: diverged) and whether it was `chosen`. Where all of a variant's
        runs diverged, its first candidate is.
    """
    found = {result["variant"]: result["metrics"] for result in results}
    score = next(iter(metric_names(results)), "")
    variants, records = [], {}
    for variant in config.variants:
        names = [_run_name(variant.name, number) for number in range(len(config.search.candidates))]
        values = [found[name].get(score) for name in names]
        best = min(range(len(values)), key=lambda n: math.inf if values[n] is None else values[n])
        chosen = deep_merge(variant.parameters, config.search.candidates[best])
        variants.append(variant.model_copy(update={"parameters": chosen}))
        records[variant.name] = [
            {"parameters": tried, "score": score, "value": value, "chosen": number == best}
            for number, (tried, value) in enumerate(
                zip(config.search.candidates, values, strict=True)
            )
        ]
    return config.model_copy(update={"variants": tuple(variants)}), records


def _run_name(variant: str, number: int) -> str:
    return f"{variant}, candidate {number + 1}"
