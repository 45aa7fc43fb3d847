"""Pictures from a generator bundle, without the rest of the pipeline.

`python -m sagan.sampling BUNDLE --out DIR`, or `python -m sagan sample`, needs only the bundle's
folder, PyTorch, NumPy, Pillow, safetensors and pydantic.
"""

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sagan.bundle.generator_bundle import KINDS, GeneratorBundle
from sagan.common.devices import choose_device
from sagan.common.files import replacing_file
from sagan.common.naming import by_title
from sagan.common.terminal import Parser, fit_log_to_terminal, worded, write_error
from sagan.sampling.attention_maps import attention_picture
from sagan.sampling.config import SamplingConfig
from sagan.sampling.generate import generate
from sagan.sampling.grids import choose_classes, class_grid
from sagan.sampling.latents import column_latents, sample_latents

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None, *, prog: str = "python -m sagan.sampling") -> int:
    """Draw what the command line asks for; 0 on success, 1 after one clear message."""
    options = _parser(prog).parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    fit_log_to_terminal()
    try:
        _draw(options)
    except (ValueError, OSError) as error:
        write_error(f"error: {worded(error)}")
        return 1
    return 0


def parse_classes(
    text: str | None, class_names: Sequence[str], titles: Mapping[str, str] | None = None
) -> list[int]:
    """Labels of comma-separated classes, by name, number or title; all if nothing is given.

    Args:
        text: as the user gave it; None: nothing was given.
        class_names: one a label.
        titles: what people call the classes, by name, as far as it is known.

    Raises:
        ValueError: on classes that the bundle has not, naming the first five, and on a title that
            several have.
    """
    if text is None:
        return list(range(len(class_names)))
    # a name wins over a number: the digits' classes are called "0" to "9"
    labels = {str(label): label for label in range(len(class_names))}
    labels |= {name: label for label, name in enumerate(class_names)}
    titled = by_title(class_names, titles or {})
    asked = [part.strip() for part in text.split(",") if part.strip()]
    asked = [_named(part, labels, titled) for part in asked]
    unknown = [name for name in asked if name not in labels]
    if unknown or not asked:
        known = [*class_names, *titled]
        near = get_close_matches(unknown[0], known, n=1) if unknown else []
        raise ValueError(
            f"--classes: {len(unknown)} of {len(asked)} unknown: {', '.join(unknown[:5])}; "
            + (f"did you mean {near[0]}? " if near else "")
            + f"expected names such as {', '.join(class_names[:5])}, "
            f"or numbers 0..{len(class_names) - 1}"
        )
    return [labels[name] for name in asked]


def _named(asked: str, labels: Mapping[str, int], titled: Mapping[str, Sequence[str]]) -> str:
    """The class's name, where it was asked for by its title."""
    found = () if asked in labels else titled.get(asked.lower(), ())
    if len(found) > 1:
        raise ValueError(
            f"--classes: '{asked}' is the name of {len(found)} classes: {', '.join(found[:5])}; "
            "give one of these"
        )
    return found[0] if found else asked


def _draw(options: argparse.Namespace) -> None:
    device = choose_device(options.device)
    bundle = GeneratorBundle.open(options.bundle, options.weights)
    generator = bundle.load(str(device))
    latents, class_labels = _chosen(options, bundle)
    classes = list(dict.fromkeys(class_labels.tolist()))
    batches = generate(generator, latents, class_labels, options.batch_size, device)
    images, labels = torch.cat(list(batches)).numpy(), class_labels.numpy()

    shown = [classes[i] for i in choose_classes(len(classes), options.rows)]
    kept = np.concatenate([np.flatnonzero(labels == k)[: options.columns] for k in shown])
    grid = class_grid(images[kept], labels[kept], bundle.shown_names, options.tile)
    rows = choose_classes(len(classes), options.attention_samples)
    firsts = [int((labels == classes[row]).argmax()) for row in rows]
    attention = attention_picture(
        generator,
        latents[firsts],
        class_labels[firsts],
        bundle.shown_names,
        query_points=options.query_points,
        tile_px=SamplingConfig().attention.tile_px,
        device=device,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    if options.npz:
        _save_samples(options.out / "samples.npz", images, labels, latents.numpy())
    _save_png(options.out / "sample_grid.png", grid)
    _save_png(options.out / "attention_maps.png", attention)


def _chosen(options: argparse.Namespace, bundle: GeneratorBundle) -> tuple[Tensor, Tensor]:
    """Latents float32 [N, Z] and labels int64 [N]."""
    if options.latents is not None:
        _refuse_beside_latents(options)
        return load_latents(options.latents, bundle)
    classes = parse_classes(options.classes, bundle.class_names, bundle.class_titles)
    arguments = (bundle.latent_dim, options.seed, options.truncation)
    if options.same_latents:
        latents = column_latents(len(classes), options.count, *arguments)
    else:
        latents = sample_latents(len(classes) * options.count, *arguments)
    return latents, torch.tensor(classes).repeat_interleave(options.count)


def _refuse_beside_latents(options: argparse.Namespace) -> None:
    """What a file of latents has decided already is not passed over in silence."""
    defaults = SamplingConfig()
    given = {
        "--classes": options.classes is not None,
        "--count": options.count != defaults.samples_per_class,
        "--seed": options.seed != defaults.seed,
        "--truncation": options.truncation is not None,
        "--same-latents": options.same_latents,
    }
    if beside := [name for name, is_given in given.items() if is_given]:
        raise ValueError(
            f"--latents takes classes and latents from {options.latents}; "
            f"leave out {', '.join(beside)}"
        )


def load_latents(path: Path, bundle: GeneratorBundle) -> tuple[Tensor, Tensor]:
    """What an `.npz` with `latents` and `class_labels` asks for: float32 [N, Z], int64 [N].

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


class _DefaultsFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Of `--help`: defaults that are values; the help texts say what None and False mean."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is None or action.default is False:
            return action.help
        return super()._get_help_string(action)


def _parser(prog: str) -> Parser:
    defaults = SamplingConfig()
    parser = Parser(
        prog=prog,
        description="Draw samples and attention maps from a generator bundle.",
        formatter_class=_DefaultsFormatter,
    )
    option = parser.add_argument
    option("bundle", type=Path, metavar="BUNDLE", help="folder with generator.safetensors")
    option("--out", type=Path, required=True, metavar="DIR", help="folder for the images")
    option(
        "--weights", choices=KINDS, help="averaged or raw; default: averaged if the bundle has them"
    )
    option("--classes", help="names, titles or numbers, comma-separated; default: all")
    option("--count", type=count, default=defaults.samples_per_class, help="images per class")
    option("--seed", type=int, default=defaults.seed, help="seed of the latents")
    option(
        "--truncation", type=float, help="redraw latent components beyond this [std]; default: off"
    )
    option(
        "--same-latents",
        action="store_true",
        help="one latent vector per column, so that only the class differs",
    )
    option("--npz", action="store_true", help="save all images, labels and latents too")
    option("--latents", type=Path, metavar="NPZ", help="draw the samples of a samples.npz again")
    option("--rows", type=count, default=defaults.classes, help="classes in the grid, at most")
    option("--columns", type=count, default=10, help="images per class in the grid, at most")
    option("--tile", type=count, default=defaults.tile_px, help="side of a drawn image [px]")
    samples = defaults.attention.samples
    option("--attention-samples", type=count, default=samples, help="samples with maps")
    points = defaults.attention.query_points
    option("--query-points", type=count, default=points, help="query points per sample, at most 8")
    option("--batch-size", type=count, default=defaults.batch_size, help="images at once")
    option("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="cpu or cuda")
    return parser


def count(text: str) -> int:
    """A command-line value of at least 1."""
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {value}")
    return value


def _save_samples(
    path: Path, images: np.ndarray, class_labels: np.ndarray, latents: np.ndarray
) -> None:
    # an open file, or NumPy appends its own suffix
    with replacing_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, images=images, class_labels=class_labels, latents=latents)
    logger.info("%s", path)


def _save_png(path: Path, picture: np.ndarray) -> None:
    with replacing_file(path) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG")
    logger.info("%s", path)


if __name__ == "__main__":
    sys.exit(main())
