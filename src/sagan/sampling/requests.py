"""What the command line asks of a generator: classes by name, title or number; a latents file."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from sagan.common.naming import as_listed, by_title, split_names
from sagan.common.text import visible

if TYPE_CHECKING:
    from sagan.bundle.generator_bundle import GeneratorBundle


def parse_classes(
    text: str | None,
    class_names: Sequence[str],
    titles: Mapping[str, str] | None = None,
    *,
    option: str = "--classes",
) -> list[int]:
    """Labels of comma-separated classes, by name, number or title; all if nothing is given.

    A name with a comma stands in quotes beside others.

    Args:
        text: As the user gave it; None: all classes.
        class_names: One per label.
        titles: Human names of classes, by class name, as far as they are known.
        option: How messages name what was given.

    Raises:
        ValueError: On classes that the bundle does not have, naming the first five, and on a title
            that several classes share.
    """
    if text is None:
        return list(range(len(class_names)))
    # a name wins over a number: the digits' classes are called "0" to "9"
    labels = {str(label): label for label in range(len(class_names))}
    labels |= {name: label for label, name in enumerate(class_names)}
    titled = by_title(class_names, titles or {})
    asked = [text] if text in class_names else split_names(text)  # a name may have commas
    asked = [_named(part, labels, titled, option) for part in asked]
    if not asked:
        raise ValueError(f"{option}: no class is named")
    unknown = [name for name in asked if name not in labels]
    if unknown:
        near = get_close_matches(unknown[0], [*class_names, *titled], n=1)
        raise ValueError(
            f"{option}: {len(unknown)} of {len(asked)} unknown: {', '.join(unknown[:5])}; "
            + (f"did you mean {visible(shlex.quote(as_listed(near[0])))}? " if near else "")
            + f"expected names such as {visible(', '.join(map(as_listed, class_names[:5])))}, "
            f"or numbers 0..{len(class_names) - 1}"
        )
    return [labels[name] for name in asked]


def _named(
    asked: str, labels: Mapping[str, int], titled: Mapping[str, Sequence[str]], option: str
) -> str:
    """The class's name, where it was asked for by its title."""
    found = () if asked in labels else titled.get(asked.lower(), ())
    if len(found) > 1:
        raise ValueError(
            f"{option}: '{asked}' is the name of {len(found)} classes: {', '.join(found[:5])}; "
            "give one of these"
        )
    return found[0] if found else asked


def load_latents(path: Path, bundle: GeneratorBundle) -> tuple[Tensor, Tensor]:
    """Latents float32 [N, Z] and class labels int64 [N] of an `.npz` file.

    Raises:
        ValueError: if it is damaged, holds Python objects, or does not fit the bundle.
        FileNotFoundError: if it is not there.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            latents, labels = (np.asarray(file[name]) for name in ("latents", "class_labels"))
    except (BadZipFile, EOFError, KeyError, TypeError, IndexError, ValueError) as error:
        raise ValueError(f"{path}: not an .npz with latents and class_labels ({error})") from None
    wanted = f"{path}: expected latents [N, {bundle.latent_dim}] and N integer class_labels"
    found = f"got {latents.dtype} {[*latents.shape]} and {labels.dtype} {[*labels.shape]}"
    fits = latents.shape == (len(labels), bundle.latent_dim) if labels.ndim == 1 else False
    if not fits or not len(labels) or latents.dtype.kind != "f" or labels.dtype.kind not in "iu":
        raise ValueError(f"{wanted}, {found}")
    if not np.isfinite(latents).all():
        raise ValueError(f"{wanted}, got some that are not finite")
    return torch.from_numpy(latents.astype(np.float32)), torch.from_numpy(labels.astype(np.int64))
