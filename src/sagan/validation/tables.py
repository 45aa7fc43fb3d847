"""The four tables that expectations are held against, all made of the manifest.

images            one row an image, whatever its state
decodable_images  the rows that go on
classes           one row a class: its images by split
dataset           one row: totals
"""

from typing import TYPE_CHECKING

from sagan.data.manifest import COLUMNS
from sagan.validation.config import Table

if TYPE_CHECKING:
    import pandas as pd

# the column that names a row of the table in messages
ROW_NAMES: dict[Table, str | None] = {
    "images": "path",
    "decodable_images": "path",
    "classes": "class_name",
    "dataset": None,
}


def build_tables(manifest: "pd.DataFrame") -> dict[Table, "pd.DataFrame"]:
    """Make the tables.

    Raises:
        ValueError: if the manifest lacks a column or says not of every image whether it decodes.
    """
    missing = [name for name in COLUMNS if name not in manifest.columns]
    if missing:
        raise ValueError(
            f"the manifest lacks the columns {', '.join(missing)}; expected {', '.join(COLUMNS)}; "
            "make it again: kedro run --pipelines=data_validation"
        )
    for name in ("split", "class_name", "decodable"):
        if manifest[name].isna().any():
            raise ValueError(
                f"the manifest has {int(manifest[name].isna().sum()):,} rows without {name}; "
                "make it again: kedro run --pipelines=data_validation"
            )
    decodable = manifest[manifest["decodable"].astype(bool)]
    classes = _classes(manifest, decodable)
    return {
        "images": manifest,
        "decodable_images": decodable,
        "classes": classes,
        "dataset": _dataset(manifest, decodable, classes),
    }


def _classes(manifest: "pd.DataFrame", decodable: "pd.DataFrame") -> "pd.DataFrame":
    """One row a class; images count only where they decode."""
    import pandas as pd

    names = pd.Index(sorted(manifest["class_name"].unique()), name="class_name")
    counts = pd.crosstab(decodable["class_name"], decodable["split"])
    counts = counts.reindex(index=names, columns=["train", "val"], fill_value=0)
    splits = [split for split in counts.columns if (manifest["split"] == split).any()]
    totals = manifest.groupby("class_name").size().reindex(names)
    return pd.DataFrame(
        {
            "class_name": names,
            "train_images": counts["train"].to_numpy(),
            "val_images": counts["val"].to_numpy(),
            "bad_images": (totals - counts.sum(axis=1)).to_numpy(),
            "in_every_split": (counts[splits] > 0).all(axis=1).to_numpy(),
        }
    )


def _dataset(
    manifest: "pd.DataFrame", decodable: "pd.DataFrame", classes: "pd.DataFrame"
) -> "pd.DataFrame":
    """The one row of totals."""
    import pandas as pd

    bad = len(manifest) - len(decodable)
    totals = {
        "images": len(manifest),
        "bad_images": bad,
        "bad_fraction": bad / len(manifest) if len(manifest) else 1.0,
        "classes": len(classes),
        "train_images": int(classes["train_images"].sum()),
        "val_images": int(classes["val_images"].sum()),
    }
    return pd.DataFrame([totals])
