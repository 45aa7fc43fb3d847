"""`python -m sagan.comparison ROWS --runs DIR --out DIR`: tables and pictures to keep and cite."""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from sagan.common.files import replacing_file
from sagan.common.terminal import Parser, worded, write_error

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the rows, table and verdict as text, samples and curves as pictures, and the page."""
    parser = Parser(
        prog="python -m sagan.comparison",
        description="Write a comparison's tables, pictures and page into a folder.",
    )
    parser.add_argument("rows", type=Path, help="comparison_rows.json")
    parser.add_argument("--runs", type=Path, required=True, help="folder of the comparison's runs")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--reference", default="sagan", help="variant to compare the others with")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        _publish(options)
    except (ValueError, OSError) as error:
        write_error(f"error: {worded(error)}")
        return 1
    return 0


def _publish(options: argparse.Namespace) -> None:
    from PIL import Image

    from sagan.comparison.figures import learning_curves, sample_sheet
    from sagan.comparison.page import markdown_table, render_page, results
    from sagan.comparison.result_store import read_results
    from sagan.html.charts import draw_svg

    rows = read_results(options.rows)
    if options.reference not in {row["variant"] for row in rows}:
        raise ValueError(f"--reference: no variant '{options.reference}' in {options.rows}")
    found, sheet = results(rows, options.reference), sample_sheet(rows, options.runs)
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
    options.out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        with replacing_file(options.out / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    if sheet is not None:
        with replacing_file(options.out / "samples.png") as temporary:
            Image.fromarray(sheet).save(temporary, format="PNG", optimize=True)
    logger.info("%s", options.out)


if __name__ == "__main__":
    sys.exit(main())
