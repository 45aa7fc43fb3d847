"""`python -m sagan.data IMAGES --image-size 64 --out DIR`: make shards of images.

Stations 1 to 3 without Kedro, Great Expectations and pandas, for a machine that only trains. Every
source of station 1 can be used (`--source kaggle`); the parameters are those of `acquisition` and
`preprocessing`. The images are checked and hashed as in validation, with fewer rules: every class
has images, there are several classes, and few images are broken.
"""

import argparse
import logging
import sys
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from sagan.common.schema import ClearError, describe_faults, load_settings
from sagan.common.terminal import (
    ParagraphFormatter,
    Parser,
    fit_log_to_terminal,
    worded,
    write_error,
)
from sagan.data.config import (
    AcquisitionConfig,
    ManifestConfig,
    PreprocessingConfig,
    Source,
)
from sagan.data.image_folder import ImageFolder, first_five
from sagan.data.manifest.build import ImageRecord, scan_images
from sagan.processes.signals import EXIT_INTERRUPTED, interrupt_on_signal

logger = logging.getLogger("sagan.data")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    fit_log_to_terminal()
    try:
        with interrupt_on_signal():
            store = _build(options)
    except ValidationError as error:
        write_error("\n".join(describe_faults(error)))
        return 1
    except (ValueError, OSError, ClearError) as error:
        logger.debug("", exc_info=True)
        write_error(worded(error))
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; finished work is kept, the same command continues\n")
        return EXIT_INTERRUPTED
    sys.stdout.write(f"{store}\n")
    return 0


def _parser() -> Parser:
    default = PreprocessingConfig()
    allowed = {name: get_args(f.annotation) for name, f in PreprocessingConfig.model_fields.items()}
    parser = Parser(
        prog="python -m sagan.data",
        description=__doc__,
        formatter_class=ParagraphFormatter,
    )
    parser.add_argument("images", nargs="?", help="path of the source; digits need none")
    parser.add_argument("--out", type=Path, required=True, help="folder for the shard stores")
    kinds = get_args(Source)
    parser.add_argument(
        "--source", default="folder", choices=kinds, metavar="KIND", help=", ".join(kinds)
    )
    parser.add_argument(
        "--raw", type=Path, help="folder for what is extracted or linked; OUT/raw if not given"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any other parameter of acquisition, such as classes='goldfish;crane'",
    )
    parser.add_argument(
        "--image-size",
        type=int,
        default=default.image_size,
        choices=allowed["image_size"],
        help="side of the prepared images [px]",
    )
    parser.add_argument("--also-sizes", default="", help="more sizes in the same pass: '64;32'")
    resizers = allowed["resizer"]
    parser.add_argument(
        "--resizer",
        default=default.resizer,
        choices=resizers,
        metavar="NAME",
        help=", ".join(resizers),
    )
    parser.add_argument(
        "--shard-images", type=int, default=default.shard_images, help="images in a shard"
    )
    parser.add_argument("--workers", type=int, default=0, help="threads; 0 takes all cores")
    parser.add_argument("--publish-to", help="any fsspec address, such as s3://bucket/shards")
    parser.add_argument(
        "--min-classes", type=int, default=2, help="fewer class folders are refused"
    )
    parser.add_argument(
        "--max-bad-fraction",
        type=share,
        default=0.001,
        metavar="SHARE",
        help="share of images that may fail to decode, 0..1",
    )
    return parser


def share(text: str) -> float:
    """A command-line value from 0 to 1."""
    if not 0 <= (value := float(text)) <= 1:
        raise argparse.ArgumentTypeError(f"expected a share from 0 to 1, got {text}")
    return value


def _build(options: argparse.Namespace) -> Path:
    config = PreprocessingConfig(
        image_size=options.image_size,
        also_sizes=options.also_sizes,
        resizer=options.resizer,
        shard_images=options.shard_images,
        workers=options.workers,
        publish_to=options.publish_to,
    )
    folder = _acquired(options)
    if len(folder.class_names) < options.min_classes:
        raise ValueError(
            f"'{folder.path}' has {len(folder.class_names)} class ({folder.class_names[0]}), "
            f"expected at least {options.min_classes}: is there one folder level too many, or "
            "is the set incomplete? For one class on purpose give --min-classes 1"
        )
    images = _sound_images(folder, ManifestConfig(workers=config.workers), options.max_bad_fraction)

    from sagan.data.shards.build import preprocess  # torch, once the input is known to be good

    return preprocess(folder, images, options.out, config).path


def _acquired(options: argparse.Namespace) -> ImageFolder:
    from sagan.data.sources.acquire import acquire

    settings: dict[str, Any] = load_settings("acquisition", [], options.set)
    settings |= {"source": options.source, "path": options.images}
    return acquire(AcquisitionConfig(**settings), options.raw or options.out / "raw")


def _sound_images(
    folder: ImageFolder, config: ManifestConfig, max_bad_fraction: float
) -> list[ImageRecord]:
    """The images that decode; too many others, or a class without any, are refused."""
    images, bad = [], []
    for place, facts in scan_images(folder, config):
        if facts.decodable and facts.sha256:
            images.append(ImageRecord(place.path, place.split, place.class_name, facts.sha256))
        else:
            bad.append(f"{place.path} ({facts.reason})")
    if bad:
        noun = "image" if len(bad) == 1 else "images"
        text = f"{len(bad):,} {noun} cannot be used: {first_five(bad)}"
        if len(bad) > max_bad_fraction * (len(images) + len(bad)):
            raise ValueError(f"{text}; allowed fraction: {max_bad_fraction}; repair them")
        logger.warning("left out: %s", text)
    for split in folder.splits:
        filled = {image.class_name for image in images if image.split == split}
        lost = sorted(set(folder.class_names) - filled)
        if lost:
            raise ValueError(f"no usable image in {split}/ for the classes {first_five(lost)}")
    return images


if __name__ == "__main__":
    sys.exit(main())
