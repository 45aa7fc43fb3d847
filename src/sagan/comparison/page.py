"""The comparison as tables in Markdown and as one HTML page that opens offline."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from sagan.common.schema import flattened
from sagan.comparison.figures import NOTHING_TRAINED, learning_curves
from sagan.comparison.result_store import RunResult
from sagan.comparison.significance import contrasts, nothing_to_judge, sentences
from sagan.comparison.summary import DISTANCES, metric_names, summarise
from sagan.html.images import data_uri
from sagan.html.pages import render
from sagan.metrics.scores.metric_info import lower_is_better

_JUDGED = (*DISTANCES, "recognised", "recall", "coverage", "diversity_mean")
_LOSSLESS_BYTES = 2**23  # of the samples, whose pixels are enlarged
_SEARCHED = ("score", "value", "chosen")
_COST = {
    "parameters_generator": "parameters of G",
    "parameters_discriminator": "of D",
    "images_per_second": "images/s",
    "train_seconds": "training [s]",
}


def results(rows: Sequence[RunResult], reference: str) -> dict[str, Any]:
    """Everything that tables and page show, JSON-able: variants, contrasts, metrics, protocol."""
    summary, names = summarise(rows), metric_names(rows)
    trained = [row for row in rows if row["status"] == "trained"]
    judged = contrasts(summary, reference, [name for name in names if name in _JUDGED])
    return {
        "reference": reference,
        "total_images": rows[0]["total_images"],
        "verdict": list(sentences(judged, reference)) or [nothing_to_judge(summary, reference)],
        "metrics": names,
        "variants": summary,
        "contrasts": [asdict(one) for one in judged],
        "protocol": trained[0]["protocol"] if trained else None,
        "warnings": list(_evaluation_warnings(trained)),
        "fingerprint": trained[0]["fingerprint"] if trained else None,
    }


def _evaluation_warnings(rows: Sequence[RunResult]) -> Iterator[str]:
    """Each kind of warning once: its text, of the first run that has it, and in which others."""
    kinds: dict[str, dict[str, str]] = {}  # texts by run
    for row in rows:
        for text in row.get("evaluation_warnings", ()):
            of_kind = kinds.setdefault(text.partition(":")[0], {})
            of_kind[f"{row['variant']}, seed {row['seed']}"] = text
    for texts in kinds.values():
        (first, text), *others = texts.items()
        if len(texts) == len(rows) and len({*texts.values()}) == 1:
            yield text
            continue
        all_have_it = len(texts) == len(rows)
        runs = "all other runs" if all_have_it else "; ".join(run for run, _ in others)
        yield f"{first}: {text}" + (f" (also, with figures of their own: {runs})" if others else "")


def markdown_table(found: dict[str, Any]) -> str:
    """Mean and interval of each score, and costs; one row per variant."""
    names = found["metrics"]
    heads = ["variant", "seeds", "diverged, collapsed", *map(_heading, names)]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for record in found["variants"]:
        cells = [_cell(record["metrics"].get(name)) for name in names]
        failed = f"{record['diverged']}, {record['collapsed']}"
        cells = [record["variant"], str(record["trained"]), failed, *cells]
        lines.append("| " + " | ".join(cells) + " |")
    lines += [
        "",
        "| variant | " + " | ".join(_COST.values()) + " |",
        "|---|" + "---|" * len(_COST),
    ]
    for record in found["variants"]:
        cells = [f"{record['cost'][name]:,.0f}" if record["cost"] else "" for name in _COST]
        lines.append(f"| {record['variant']} | " + " | ".join(cells) + " |")
    if searched := _searched(found["variants"]):
        lines += [
            "",
            "| variant | candidate | " + searched[0][2] + " | chosen |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| {variant} | {tried} | {_short(value)} | {'yes' if chosen else ''} |"
            for variant, tried, _, value, chosen in searched
        ]
    return "\n".join(lines) + "\n"


def render_page(rows: Sequence[RunResult], found: dict[str, Any], sheet: np.ndarray | None) -> str:
    """One self-contained HTML page.

    Args:
        rows: As `run_comparison` returns them.
        found: As `results` returns it.
        sheet: uint8 [height, width, 3] of `sample_sheet`; None if nothing was trained.
    """
    published = yaml.safe_load(Path(__file__).with_name("published.yml").read_text("utf-8"))
    shown = [name for name in found["metrics"] if name in _JUDGED]
    return render(
        Path(__file__).parent,
        "comparison.html.j2",
        found=found,
        judged=shown,
        cost=_COST,
        troubles=[row for row in rows if row["status"] != "trained" or row["warnings"]],
        curves=[
            learning_curves(rows, name, _best(name)) for name in shown if _has_curve(rows, name)
        ],
        sheet=None if sheet is None else data_uri(sheet, lossless_bytes=_LOSSLESS_BYTES),
        no_sheet=NOTHING_TRAINED,
        attention=_attention(rows),
        searched=_searched(found["variants"]),
        short=_short,
        published=published,
        best=_best,
        interval=_interval,
        p_value=_p_value,
    )


def _searched(
    variants: Sequence[dict[str, Any]],
) -> list[tuple[str, str, str, float | None, bool]]:
    """Of each short run of the search: variant, candidate, score, its value, whether chosen."""
    return [
        (
            record["variant"],
            _parameters(one["parameters"]),
            one["score"],
            one["value"],
            one["chosen"],
        )
        for record in variants
        for one in record["search"]
    ]


def _parameters(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in flattened(settings).items())


def _short(value: float | None) -> str:
    return "diverged" if value is None else f"{value:.3g}"


def _attention(rows: Sequence[RunResult]) -> list[tuple[str, str, float, float]]:
    """Variant, block, mean |gamma| and mean entropy over the seeds."""
    gathered: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for row in rows:
        values = row.get("attention", {})
        for key, gamma in values.items():
            block = key.removeprefix("gamma/")
            entropy = values.get(f"attention_entropy/{block}")
            if key.startswith("gamma/") and entropy is not None:
                gathered.setdefault((row["variant"], block), []).append((abs(gamma), entropy))
    means = {place: np.mean(pairs, axis=0) for place, pairs in gathered.items()}
    return [(*place, float(mean[0]), float(mean[1])) for place, mean in means.items()]


def _has_curve(rows: Sequence[RunResult], metric: str) -> bool:
    scored = ([point for point in row["curve"] if metric in point["scores"]] for row in rows)
    return any(len(points) > 1 for points in scored)


def _heading(name: str) -> str:
    return f"{name} ({_best(name)})"


def _best(name: str) -> str:
    if name.startswith("diversity"):
        return "1 as real images"
    return f"{'lower' if lower_is_better(name) else 'higher'} is better"


def _cell(record: dict[str, Any] | None) -> str:
    if record is None:
        return "-"
    interval = _interval(record)
    return f"{record['mean']:.3g} ({interval})" if interval else f"{record['mean']:.3g}"


def _interval(record: dict[str, Any]) -> str:
    """Empty for one seed."""
    return f"{record['low']:.3g} to {record['high']:.3g}" if "low" in record else ""


def _p_value(p: float) -> str:
    return f"{p:.2g}" if p >= 0.001 else "< 0.001"
