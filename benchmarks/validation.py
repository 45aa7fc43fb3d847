"""Time and memory of validation at ImageNet's size.

`python -m benchmarks.validation` writes a synthetic manifest of 1.3 million rows (1,000 classes of
training and validation images, with the irregular ones that ImageNet has: images that do not
decode, copies, CMYK, a PNG named .JPEG), then, in its own process, reads it and does all that data
validation does after decoding: tables, all expectations with the thresholds of `conf/imagenet128`,
data hash, Data Docs page, quarantine list, verdict, and everything saved. Ends with one JSON line;
seconds and peak memory are those of that process from its start, imports included.
"""

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

CONF = Path(__file__).parents[1] / "conf"
CLASSES = 1000
VAL_SHARE = 0.0375  # 50,000 of 1,331,167
BAD, COPIES, LEAKS, CMYK = 12, 400, 30, 22
FEWEST_ROWS = 130_000  # with which these pass the thresholds


def draw_manifest(rows: int) -> "pd.DataFrame":
    """A manifest as data validation would make it of ImageNet, of about so many rows.

    Args:
        rows: images in both splits.

    Returns:
        a table with the columns of `sagan.data.manifest.parts`.
    """
    import pandas as pd

    from sagan.data.manifest.parts import COUNTS

    random = np.random.default_rng(0)
    names = [f"n{name:08d}" for name in np.sort(random.choice(16_000_000, CLASSES, replace=False))]
    val = np.arange(rows) >= round(rows * (1 - VAL_SHARE))
    label = np.where(val, np.arange(rows), np.arange(rows) * CLASSES // int((~val).sum())) % CLASSES
    wnids = np.array(names, dtype=object)[label]
    sides = np.clip(random.normal(450, 110, (rows, 2)), 60, 4000).astype(int)
    table = pd.DataFrame(
        {
            "split": np.where(val, "val", "train"),
            "class_name": wnids,
            "path": [
                f"val/{w}/ILSVRC2012_val_{i:08d}.JPEG" if v else f"train/{w}/{w}_{i}.JPEG"
                for i, (w, v) in enumerate(zip(wnids, val, strict=True))
            ],
            "width": sides[:, 0],
            "height": sides[:, 1],
            "mode": "RGB",
            "orientation": 1,
            "brightest": 1.0,
            "format": "JPEG",
            "bytes": np.clip(random.lognormal(11.5, 0.5, rows), 500, 2e7).astype(int),
            "sha256": [random.bytes(32).hex() for _ in range(rows)],
            "decodable": True,
            "reason": None,
        }
    )
    odd = random.choice(np.flatnonzero(~val), BAD + COPIES + CMYK + 1, replace=False)
    bad, copies, cmyk, png = np.split(odd, np.cumsum([BAD, COPIES, CMYK]))
    table.loc[bad, "decodable"] = False
    table.loc[bad, "reason"] = "cannot be decoded: OSError: image file is truncated"
    table.loc[bad, ["width", "height"]] = 500
    table.loc[copies, "sha256"] = table["sha256"].to_numpy()[copies - 1]
    leaks = random.choice(np.flatnonzero(val), LEAKS, replace=False)
    table.loc[leaks, "sha256"] = table["sha256"].to_numpy()[cmyk[0]]
    table.loc[cmyk, "mode"] = "CMYK"
    table.loc[png, "format"] = "PNG"
    return table.astype(dict.fromkeys(COUNTS, "Int64"))


def whole_gate(folder: Path) -> dict[str, Any]:
    """Validate a manifest; returns what was found and where the time went."""
    marks = [("start", time.perf_counter())]
    from kedro.config import OmegaConfigLoader

    from sagan.datasets.path_datasets import JSONFolderDataset
    from sagan.datasets.table_datasets import CSVDataset, ParquetDataset
    from sagan.datasets.text_datasets import JSONDataset, TextDataset
    from sagan.settings import CONFIG_LOADER_ARGS
    from sagan.validation.config import DataValidationConfig
    from sagan.validation.data_docs import data_docs_page
    from sagan.validation.gate import pass_gate
    from sagan.validation.report import quarantine, validate_manifest

    parameters = OmegaConfigLoader(str(CONF), env="imagenet128", **CONFIG_LOADER_ARGS)["parameters"]
    values = parameters["data_validation"] | {"known_classes": str(folder / "classes.txt")}
    values["thresholds"]["min_train_images_per_class"] = 1  # so that fewer rows pass as well
    config = DataValidationConfig(**values)
    suites = JSONFolderDataset(filepath=str(CONF / "base/expectations")).load()
    marks.append(("imports", time.perf_counter()))
    manifest = ParquetDataset(filepath=str(folder / "manifest.parquet")).load()
    marks.append(("reading", time.perf_counter()))
    report, results = validate_manifest(manifest, suites, config)
    marks.append(("expectations", time.perf_counter()))
    TextDataset(filepath=str(folder / "docs.html")).save(data_docs_page(report, results))
    JSONDataset(filepath=str(folder / "report.json")).save(report)
    CSVDataset(filepath=str(folder / "quarantine.csv")).save(quarantine(manifest))
    marks.append(("pages", time.perf_counter()))
    validated = pass_gate(manifest, report)
    ParquetDataset(filepath=str(folder / "validated.parquet")).save(validated)
    marks.append(("gate", time.perf_counter()))
    parts = {name: round(end - start, 2) for (_, start), (name, end) in itertools.pairwise(marks)}
    return {
        "rows": len(manifest),
        "expectations": len(report["expectations"]),
        "warnings": [text.partition(":")[0] for text in report["warnings"]],
        "seconds_by_part": parts,
    }


def main(arguments: list[str] | None = None) -> None:
    """Draw the manifest here, judge it in a process of its own, print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_300_000)
    parser.add_argument("--judge", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.rows < FEWEST_ROWS:
        parser.error(
            f"--rows: at least {FEWEST_ROWS:,}, so that the odd images pass the thresholds of "
            f"conf/imagenet128; got {options.rows:,}"
        )
    if options.judge:
        print(json.dumps(whole_gate(options.judge)))
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        manifest = draw_manifest(options.rows)
        manifest.to_parquet(folder / "manifest.parquet", index=False)
        names = sorted(manifest["class_name"].unique())
        (folder / "classes.txt").write_text("\n".join(names))
        del manifest
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.validation", "--judge", place],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        seconds = time.perf_counter() - start
    found = json.loads(done.stdout.splitlines()[-1])
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found |= {
        "seconds": round(seconds, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_gib": round(usage.ru_maxrss / 2**20, 2),
        "cores": cores,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
