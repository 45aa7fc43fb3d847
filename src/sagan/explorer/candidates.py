"""The generators that the page can show: averaged and raw weights of each bundle."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sagan.bundle.generator_bundle import EMA, RAW, GeneratorBundle
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
        device: "cpu" or "cuda".
        weights: `ema` or `raw`, these alone; None: all of a bundle, its default ones shown.

    Raises:
        FileNotFoundError: When a file of weights is missing.
        ValueError: When weights are damaged, or a bundle has none of that kind.
    """
    check_alike(bundles)
    found = []
    for path, bundle in zip(
        _short_paths([bundle.path for bundle in bundles]), bundles, strict=True
    ):
        for kind in bundle.available if weights is None else (weights,):
            name = ", ".join(filter(None, [path, SPOKEN.get(kind, kind)]))
            shown = kind in {weights, bundle.available[0]}
            found.append(Candidate(name, Explorer(bundle.choose(kind), device), shown))
    return found


def check_alike(bundles: Sequence[GeneratorBundle]) -> None:
    """Refuse generators with different inputs or image sizes.

    Raises:
        ValueError: Naming what differs.
    """
    first = bundles[0]
    for other in bundles[1:]:
        for name in ("class_names", "latent_dim", "image_size"):
            if getattr(other, name) != getattr(first, name):
                raise ValueError(
                    f"--compare {other.path}: its {name} differ from those of {first.path}; "
                    "compare generators of the same images"
                )


def _short_paths(paths: Sequence[Path]) -> list[str]:
    """The shortest ends of the paths that tell them apart; nothing for one alone."""
    if len(paths) == 1:
        return [""]
    parts = [path.resolve().parts for path in paths]
    for length in range(1, max(map(len, parts)) + 1):
        ends = ["/".join(part[-length:]) for part in parts]
        if len(set(ends)) == len(ends):
            return ends
    return [f"{path.name} {number}" for number, path in enumerate(paths, 1)]
