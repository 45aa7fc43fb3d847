"""The comparison as a table in Markdown and as a page that opens offline."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from sagan.comparison.figures import NOTHING_TRAINED, learning_curves
from sagan.comparison.result_store import RunResult
from sagan.comparison.significance import contrasts, nothing_to_judge, sentences
from sagan.comparison.summary import DISTANCES, metric_names, summarise
from sagan.metrics.metric_info import lower_is_better

_TEMPLATES = Path(__file__).with_name("templates")
_JUDGED = (*DISTANCES, "recognised", "recall", "coverage", "diversity_mean")
_COST = {
    "parameters_generator": "parameters of G",
    "parameters_discriminator": "of D",
    "images_per_second": "images/s",
    "train_seconds": "training [s]",
}


def results(rows: Sequence[RunResult], reference: str) -> dict[str, Any]:
    """All that table and page show, JSON-able: variants, contrasts, metrics, protocol."""
    summary, names = summarise(rows), metric_names(rows)
    trained = [row for row in rows if row["status"] == "trained"]
    judged = contrasts(summary, reference, [name for name in names if name in _JUDGED])
    return {
        "reference": reference,
        "total_images": rows[0]["total_images"],
        "verdict": list(sentences(judged, reference)) or [nothing_to_judge(summary, reference)],
        "metrics": names,
        "variants": summary,
        "contrasts": [one.record() for one in judged],
        "protocol": trained[0]["protocol"] if trained else None,
        "fingerprint": trained[0]["fingerprint"] if trained else None,
    }


def markdown_table(found: dict[str, Any]) -> str:
    """Mean and interval of each score, a row a variant."""
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
    return "\n".join(lines) + "\n"


def render_page(rows: Sequence[RunResult], found: dict[str, Any], sheet: np.ndarray | None) -> str:
    """One self-contained HTML page.

    Args:
        rows: as `run_comparison` gives them.
        found: of `results`.
        sheet: uint8 [height, width, 3] of `sample_sheet`; None where nothing was trained.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"best": _best, "interval": _interval, "p_value": _p_value}
    published = yaml.safe_load(Path(__file__).with_name("published.yml").read_text("utf-8"))
    shown = [name for name in found["metrics"] if name in _JUDGED]
    return environment.get_template("comparison.html.j2").render(
        found=found,
        judged=shown,
        cost=_COST,
        troubles=[row for row in rows if row["status"] != "trained" or row["warnings"]],
        curves={name: learning_curves(rows, name) for name in shown if _has_curve(rows, name)},
        sheet=None if sheet is None else _data_url(sheet),
        no_sheet=NOTHING_TRAINED,
        attention=_attention(rows),
        published=published,
    )


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
    return any(metric in point["scores"] for row in rows for point in row["curve"])


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


def _data_url(image: np.ndarray) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
