"""A comparison's tables, pictures and page as files to keep and cite."""

import json
from pathlib import Path

from sagan.common.files import replacing_file


def publish(rows_file: Path, runs: Path, out: Path, *, reference: str) -> None:
    """Write rows, table and conclusions as text, samples and curves as pictures, and the page.

    Args:
        rows_file: `comparison_rows.json`.
        runs: Folder of the comparison's runs.
        out: Folder to write to.
        reference: The variant that the others are compared with.

    Raises:
        ValueError: If no row is of the reference.
    """
    from PIL import Image

    from sagan.comparison.figures import learning_curves, sample_sheet
    from sagan.comparison.page import markdown_table, render_page, results
    from sagan.comparison.result_store import read_results
    from sagan.html.charts import draw_svg

    rows = read_results(rows_file)
    if reference not in {row["variant"] for row in rows}:
        raise ValueError(f"--reference: no variant '{reference}' in {rows_file}")
    found, sheet = results(rows, reference), sample_sheet(rows, runs)
    verdict = "".join(f"- {sentence}\n" for sentence in found["verdict"])
    texts = {
        "rows.json": json.dumps(rows, indent=1) + "\n",
        "table.md": f"# Results of the comparison\n\n{markdown_table(found)}",
        "verdict.md": f"# Conclusions of the comparison\n\n{verdict}",
        "comparison.html": render_page(rows, found, sheet),
    }
    if distance := next(iter(found["metrics"]), None):
        chart = learning_curves(rows, distance)
        texts[f"curves_{distance}.svg"] = draw_svg(chart, standalone=True)
    out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        with replacing_file(out / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    if sheet is not None:
        with replacing_file(out / "samples.png") as temporary:
            Image.fromarray(sheet).save(temporary, format="PNG", optimize=True)
