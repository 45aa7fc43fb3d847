"""The generators that the page can show: averaged and raw weights of each bundle."""

from collections.abc import Sequence
from dataclasses import dataclass

from sagan.bundle.generator_bundle import EMA, RAW, GeneratorBundle
from sagan.common.files import display_path
from sagan.explorer.views import Explorer

SPOKEN = {EMA: "averaged", RAW: "raw"}


@dataclass(frozen=True)
class Candidate:
    """One set of weights, loaded."""

    name: str
    explorer: Explorer
    shown: bool
    """Whether the page begins with it."""


def candidates(
    bundles: Sequence[GeneratorBundle], device: str = "cpu", weights: str | None = None
) -> list[Candidate]:
    """Load the generators.

    Args:
        bundles: One, or several to compare.
        device: cpu, cuda, or one of several GPUs, such as cuda:1.
        weights: `ema` or `raw`, these alone; None: all of a bundle, its default ones shown.

    Raises:
        FileNotFoundError: When a file of weights is missing.
        ValueError: When weights are damaged, or a bundle has none of that kind.
    """
    check_alike(bundles)
    found = []
    for bundle in bundles:
        where = f"{display_path(bundle.path)}, " if len(bundles) > 1 else ""
        for kind in bundle.available if weights is None else (weights,):
            name = where + SPOKEN[kind]
            shown = kind in {weights, bundle.available[0]}
            found.append(Candidate(name, Explorer(bundle.choose(kind), device), shown))
    return found


def check_alike(bundles: Sequence[GeneratorBundle]) -> None:
    """Refuse generators with different inputs, image sizes or channels.

    Raises:
        ValueError: Naming what differs.
    """
    first = bundles[0]
    for other in bundles[1:]:
        for name in ("class_names", "latent_dim", "image_size", "image_channels"):
            if getattr(other, name) != getattr(first, name):
                raise ValueError(
                    f"--compare {other.path}: its {name} differ from those of {first.path}; "
                    "compare generators of the same images"
                )
