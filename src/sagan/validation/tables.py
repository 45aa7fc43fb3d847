"""The four tables that expectations check, all made of the manifest.

images            one row per image
decodable_images  the decodable rows, with duplicates and aspect ratios
classes           one row per class: its images by split, its label
dataset           one row: totals
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sagan.data.manifest.parts import COLUMNS, COUNTS
from sagan.validation.config import Table
from sagan.validation.duplicates import find_duplicates, first_with_same_text

if TYPE_CHECKING:
    import pandas as pd

AGAIN = "make it again: kedro run --pipelines=data_validation"
# the column that identifies a row in messages
ROW_NAMES: dict[Table, str | None] = {
    "images": "path",
    "decodable_images": "path",
    "classes": "class_name",
    "dataset": None,
}
# MPO is a JPEG with a second picture behind the first
_JPEG = frozenset({"jpg", "jpeg"})
SUFFIXES_BY_FORMAT = {
    "JPEG": _JPEG,
    "MPO": _JPEG,
    "TIFF": {"tif", "tiff"},
    "PPM": {"ppm", "pgm", "pbm", "pnm"},
    "JPEG2000": {"jp2", "j2k", "j2c", "jpc", "jpf", "jpx"},
    "HEIF": {"heic", "heif", "hif"},
    **{name: {name.lower()} for name in ("PNG", "WEBP", "GIF", "BMP", "TGA", "AVIF")},
}


def build_tables(
    manifest: "pd.DataFrame", known_classes: Sequence[str] | None = None
) -> dict[Table, "pd.DataFrame"]:
    """Make the tables.

    Args:
        manifest: one row an image.
        known_classes: names that class folders must have, in the order of their labels; with them
            the classes have the columns `known` and `known_label`.

    Raises:
        ValueError: if the manifest lacks a column, or has nulls in one that must have none.
    """
    missing = [name for name in COLUMNS if name not in manifest.columns]
    if missing:
        raise ValueError(
            f"the manifest lacks the columns {', '.join(missing)}; expected {', '.join(COLUMNS)}; "
            f"{AGAIN}"
        )
    for name in ("split", "class_name", "decodable"):
        if manifest[name].isna().any():
            raise ValueError(
                f"the manifest has {int(manifest[name].isna().sum()):,} rows without {name}; "
                f"{AGAIN}"
            )
    decodable = _decodable(manifest)
    classes = _classes(manifest, decodable, known_classes)
    return {
        "images": _images(manifest),
        "decodable_images": decodable,
        "classes": classes,
        "dataset": _dataset(manifest, decodable, classes),
    }


def _images(manifest: "pd.DataFrame") -> "pd.DataFrame":
    lower = manifest["path"].str.lower()
    return manifest.assign(case_twin=first_with_same_text(lower, manifest["path"]))


def _decodable(manifest: "pd.DataFrame") -> "pd.DataFrame":
    """The decodable rows, with aspect ratio, check of the suffix, and duplicates."""
    rows = manifest[manifest["decodable"].astype(bool)]
    sides = rows[["width", "height"]].to_numpy(dtype=np.float64, na_value=np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        aspect = sides.max(axis=1, initial=0) / sides.min(axis=1, initial=np.inf)
    # the library compares NumPy numbers a hundred times faster than pandas' nullable ones
    counts = {
        name: rows[name].to_numpy(dtype=np.float64 if rows[name].isna().any() else np.int64)
        for name in COUNTS
    }
    return rows.assign(
        **counts,
        aspect_ratio=aspect,
        name_fits_format=_name_fits_format(rows),
        **find_duplicates(rows),
    )


def _name_fits_format(rows: "pd.DataFrame") -> list[bool]:
    """Whether each file's suffix is one of its format's; an unknown suffix fits none."""
    suffixes = (str(path).rpartition(".")[2].lower() for path in rows["path"].tolist())
    pairs = zip(suffixes, rows["format"].tolist(), strict=True)
    return [suffix in SUFFIXES_BY_FORMAT.get(name, ()) for suffix, name in pairs]


def _classes(
    manifest: "pd.DataFrame", decodable: "pd.DataFrame", known_classes: Sequence[str] | None
) -> "pd.DataFrame":
    """One row per class; only decodable images count."""
    import pandas as pd

    names = pd.Index(sorted(manifest["class_name"].unique()), name="class_name")
    counts = pd.crosstab(decodable["class_name"], decodable["split"])
    counts = counts.reindex(index=names, columns=["train", "val"], fill_value=0)
    splits = [split for split in counts.columns if (manifest["split"] == split).any()]
    totals = manifest.groupby("class_name").size().reindex(names)
    bad = (totals - counts.sum(axis=1)).to_numpy()
    table = pd.DataFrame(
        {
            "class_name": names,
            "label": range(len(names)),
            "train_images": counts["train"].to_numpy(),
            "val_images": counts["val"].to_numpy(),
            "bad_images": bad,
            "bad_fraction": bad / totals.to_numpy(),
            "in_every_split": (counts[splits] > 0).all(axis=1).to_numpy(),
        }
    )
    if known_classes is None:
        return table
    place = {name: index for index, name in enumerate(known_classes)}
    present = sorted((name for name in names if name in place), key=place.__getitem__)
    label = {name: index for index, name in enumerate(present)}  # -1: not known at all
    return table.assign(
        known=[name in place for name in names], known_label=[label.get(n, -1) for n in names]
    )


def _dataset(
    manifest: "pd.DataFrame", decodable: "pd.DataFrame", classes: "pd.DataFrame"
) -> "pd.DataFrame":
    """The one row of totals."""
    import pandas as pd

    train, val = (int(classes[name].sum()) for name in ("train_images", "val_images"))
    bad = len(manifest) - len(decodable)
    copies = int(decodable["copy_of"].notna().sum())
    leaked = int(decodable["copy_in_train"].notna().sum())
    smallest = classes["train_images"].min() if len(classes) else 0
    totals = {
        "images": len(manifest),
        "bad_images": bad,
        "bad_fraction": bad / len(manifest) if len(manifest) else 1.0,
        "classes": len(classes),
        "train_images": train,
        "val_images": val,
        "copies": copies,
        "copy_fraction": copies / len(decodable) if len(decodable) else 0.0,
        "leaked_images": leaked,
        "leaked_fraction": leaked / val if val else 0.0,
        # a class without any counts as one of half an image: JSON knows no infinity
        "class_ratio": float(classes["train_images"].max() / max(smallest, 0.5))
        if len(classes)
        else 0.0,
    }
    return pd.DataFrame([totals])
