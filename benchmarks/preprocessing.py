"""Speed of preprocessing, compared with what other GAN code does.

`python -m benchmarks.preprocessing DIR` measures in turn in one run, on one thread, on the image
files below DIR (a folder, or an archive of one), warm cache, from the file to uint8 pixels:

    peers       torchvision's loader, Resize(LANCZOS), CenterCrop: Pillow decodes the whole image
    crop first  the same with the centre square cut out before it is resized
    ours        `sagan.data.resizing.squares`, as preprocessing makes them

`mean_abs_diff` is the mean absolute difference, in grey levels, between ours and Pillow's LANCZOS
of the same centre square (`crop first`; resizing before cropping samples at other positions). Then
it estimates the time for ImageNet's 1,281,167 training images on 16 cores: threads share one
interpreter, so its share of the work, measured on an image of 8 px, is a limit for any number of
cores. Ends with one JSON line. Use real originals; small or synthetic images decode too fast.
"""

import argparse
import hashlib
import json
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision import transforms
from torchvision.datasets.folder import default_loader

from benchmarks.counts import positive
from sagan.data.config import PreprocessingConfig
from sagan.data.folder_names import IMAGE_SUFFIXES
from sagan.data.manifest.build import ImageRecord
from sagan.data.resizing import squares
from sagan.data.shards.build import load_resized
from sagan.data.sources.class_folder import unpacked

IMAGENET_IMAGES = 1_281_167
CORES = 16
_BLOCK_IMAGES = 100  # each variant in turn: long enough for its code and data to be warm

Variant = Callable[[Path], NDArray[np.uint8]]  # file -> uint8 [S, S, 3]


def variants(size: int, resizer: str) -> dict[str, Variant]:
    """All of them by name."""
    peers = transforms.Compose(
        [
            transforms.Resize(size, interpolation=transforms.InterpolationMode.LANCZOS),
            transforms.CenterCrop(size),
        ]
    )

    def crop_first(path: Path) -> NDArray[np.uint8]:
        image = default_loader(str(path))
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        square = image.crop((left, top, left + side, top + side))
        return np.array(square.resize((size, size), Image.Resampling.LANCZOS))

    return {
        "peers": lambda path: np.array(peers(default_loader(str(path)))),
        "crop first": crop_first,
        "ours": lambda path: squares(path.read_bytes(), (size,), resizer)[0],
    }


def interleave(methods: dict[str, Variant], files: list[Path], rounds: int) -> dict[str, float]:
    """CPU-seconds of each variant for all files: of each block its fastest round.

    What else runs on the machine only ever slows a block down, by taking caches and clock.
    """
    blocks = [files[n : n + _BLOCK_IMAGES] for n in range(0, len(files), _BLOCK_IMAGES)]
    fastest = {name: [float("inf")] * len(blocks) for name in methods}
    for make in methods.values():  # imports and caches
        make(files[0])
    for _ in range(rounds):
        for number, block in enumerate(blocks):
            for name, make in methods.items():
                begin = time.thread_time()
                for path in block:
                    make(path)
                took = time.thread_time() - begin
                fastest[name][number] = min(fastest[name][number], took)
    return {name: sum(times) for name, times in fastest.items()}


def mean_abs_diff(ours: Variant, reference: Variant, files: list[Path]) -> float:
    """Mean absolute difference over all images, in grey levels."""
    return statistics.mean(
        float(np.abs(ours(path).astype(int) - reference(path)).mean()) for path in files
    )


def interpreter_seconds(resizer: str, repeats: int = 500) -> float:
    """CPU-seconds an image that hardly any decoding goes into: reading, hashing, calling."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tiny.jpg"
        Image.new("RGB", (8, 8)).save(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        config = PreprocessingConfig(resizer=resizer)
        record = ImageRecord(path.name, "train", "none", digest)
        begin = time.thread_time()
        for _ in range(repeats):
            load_resized(path.parent, (8,), config, record)
        return (time.thread_time() - begin) / repeats


def compare(files: list[Path], size: int, resizer: str, rounds: int) -> dict[str, float]:
    """Measure, print the table, return what the JSON line says."""
    methods = variants(size, resizer)
    spent = interleave(methods, files, rounds)
    rate = {name: len(files) / seconds for name, seconds in spent.items()}
    for name in methods:
        print(f"{name:12} {rate[name]:9,.0f} images/s/core {rate[name] / rate['peers']:6.2f}")
    return {
        "ratio": round(rate["ours"] / rate["peers"], 2),
        "ratio_crop_first": round(rate["ours"] / rate["crop first"], 2),
        "images_per_second_per_core": round(rate["ours"], 1),
        "mean_abs_diff": round(mean_abs_diff(methods["ours"], methods["crop first"], files), 3),
    }


def imagenet(rate: float, interpreter: float, size: int) -> dict[str, float]:
    """What ImageNet takes on 16 cores and on disk; said and returned."""
    limit = 1 / interpreter
    minutes = IMAGENET_IMAGES / min(CORES * rate, limit) / 60
    gigabytes = IMAGENET_IMAGES * 3 * size**2 / 1e9
    print(
        f"the interpreter's part is {1e6 * interpreter:.0f} us an image: threads reach at most "
        f"{limit:,.0f} images/s\n"
        f"ImageNet's {IMAGENET_IMAGES:,} images at {size} px: {minutes:.1f} minutes on {CORES} "
        f"cores if the disk gives {min(CORES * rate, limit) * 0.11:,.0f} MB/s; "
        f"{gigabytes:.1f} GB of shards"
    )
    return {"imagenet_minutes_16_cores": round(minutes, 1), "imagenet_gb": round(gigabytes, 1)}


def main() -> None:
    """Measure, print the table, then one JSON line."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.preprocessing",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("images", type=Path, metavar="DIR", help="original photographs")
    parser.add_argument("--size", type=positive, default=128, help="pixels")
    parser.add_argument(
        "--resizer",
        default="bicubic_antialias",
        choices=PreprocessingConfig.model_fields["resizer"].annotation.__args__,
    )
    parser.add_argument("--rounds", type=positive, default=5)
    parser.add_argument(
        "--limit", type=positive, default=500, help="number of files, evenly chosen"
    )
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message="The image decoding and encoding capabilities")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = unpacked(options.images, Path(folder) / "images")
        files = sorted(p for p in root.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
        if not files:
            parser.error(f"no image below '{options.images}'")
        files = files[:: -(-len(files) // options.limit)]
        mean_kb = statistics.mean(path.stat().st_size for path in files) / 1e3
        print(
            f"{len(files)} files of {mean_kb:.0f} kB to {options.size} px; {os.cpu_count()} cores, "
            f"load average {os.getloadavg()[0]:.1f} (idle cores are fair)"
        )
        result = compare(files, options.size, options.resizer, options.rounds)
    rate = result["images_per_second_per_core"]
    interpreter = interpreter_seconds(options.resizer)
    print(json.dumps(result | imagenet(rate, interpreter, options.size)))


if __name__ == "__main__":
    main()
