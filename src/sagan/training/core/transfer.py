"""Transfer of a trained model's weights to new networks (transfer learning for GANs).

Weights are taken by name and shape; a layer's bias and its spectral norm's u and v go with its
weight. Tables with a row a class are taken row by row: a class of the same name keeps its row, a
new class gets the mean of all old rows. What does not fit stays freshly initialised.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sagan.models.heads import ClassifierHead, ProjectionHead
from sagan.models.normalization import ConditionalBatchNorm2d
from sagan.models.ops.spectral_norm import SpectralLayer, power_iteration
from sagan.training.core.exported import SETTLING_ITERATIONS
from sagan.training.core.state import TrainingState

GENERATOR, DISCRIMINATOR, AVERAGE = "generator", "discriminator", "ema_generator"
_SHOWN = 3  # tensors that a message names
_LAST_LAYER = "to_rgb.weight"  # of the generator, [C, base channels, 3, 3]

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class TrainedWeights:
    """Weights of a trained model, on the CPU."""

    networks: Mapping[str, Tensors]
    """Those of "generator"; of "discriminator" and "ema_generator" where the model has them."""
    class_names: tuple[str, ...] | None
    """One per row of a class table; None: not known."""

    def of(self, network: str) -> Tensors:
        """Weights for a network; the generator's for an average that the model lacks."""
        instead = self.networks[GENERATOR] if network == AVERAGE else {}
        return self.networks.get(network, instead)


@dataclass(frozen=True)
class _Match:
    """Names of a network's tensors: those to copy, class tables to map by row, the others."""

    copied: list[str]
    mapped: list[str]
    left: list[str]

    @property
    def taken(self) -> list[str]:
        return self.copied + self.mapped


def require_fit(networks: Mapping[str, nn.Module], weights: TrainedWeights) -> None:
    """Refuse weights of which nothing fits; the networks may be without memory ("meta").

    Args:
        networks: by name, "generator" and "discriminator".
        weights: of the trained model.

    Raises:
        ValueError: with the first tensors that differ in shape, or if the images have other
            channels.
    """
    _require_channels(networks[GENERATOR], weights)
    differing = []
    for name, network in networks.items():
        given, match = weights.of(name), _match(network, weights.of(name), same_classes=False)
        if match.taken:
            return
        differing += [
            f"{name} {key} {list(given[key].shape)} there, {list(tensor.shape)} here"
            for key, tensor in network.state_dict().items()
            if key.endswith(".weight") and key in given and given[key].shape != tensor.shape
        ]
    reason = "; ".join(differing[:_SHOWN]) or "no tensor of that name and shape in the networks"
    raise ValueError(
        f"no weights of the model fit: {reason}; set base_channels as in that model (half of it "
        "for images of twice the size)"
    )


def _require_channels(generator: nn.Module, weights: TrainedWeights) -> None:
    """Refuse a model of other channels: its first and last layers would be left at random."""
    given = weights.of(GENERATOR).get(_LAST_LAYER)
    found, wanted = (
        (None if given is None else len(given)),
        len(generator.state_dict()[_LAST_LAYER]),
    )
    if found is not None and found != wanted:
        raise ValueError(
            f"the model makes images of {found} channel{'s' if found > 1 else ''}, but those to "
            f"train on have {wanted}; make shards with preprocessing.channels: {found}, or start "
            f"from a model of {wanted}"
        )


def take_weights(
    state: TrainingState, weights: TrainedWeights, class_names: tuple[str, ...]
) -> dict[str, Any]:
    """Replace a fresh state's weights by those of a trained model that fit.

    Args:
        state: freshly initialised; its optimisers stay as they are.
        weights: of the trained model.
        class_names: of the images to train on.

    Returns:
        what was taken, JSON-able: for each network the number of `tensors`, of those `taken`, of
        `class_tables` mapped by row, and the names that are `left`; `classes` before, now, kept.

    Raises:
        ValueError: if nothing fits.
    """
    networks = {GENERATOR: state.generator, DISCRIMINATOR: state.discriminator}
    require_fit(networks, weights)
    average = {} if state.ema_generator is None else {AVERAGE: state.ema_generator}
    taken: dict[str, Any] = {}
    for name, network in (networks | average).items():
        match = _take(network, weights.of(name), weights.class_names, class_names)
        taken[name] = {
            "tensors": len(match.taken) + len(match.left),
            "taken": len(match.taken),
            "class_tables": len(match.mapped),
            "left": match.left,
        }
    before = weights.class_names
    kept = [name for name in class_names if name in (before or ())]
    classes = {"before": None if before is None else len(before), "now": len(class_names)}
    return taken | {"classes": classes | {"kept": kept}}


def describe_taken(taken: Mapping[str, Any]) -> str:
    """What `take_weights` took, in a line."""
    classes, described = taken["classes"], []
    for network in (GENERATOR, DISCRIMINATOR):
        facts = taken[network]
        parts = [f"{network}: {facts['taken']} of {facts['tensors']} tensors taken"]
        if facts["class_tables"]:
            known = "unknown" if classes["before"] is None else classes["before"]
            parts.append(f"{facts['class_tables']} tables from {known} to {classes['now']} classes")
        if left := facts["left"]:
            more = f" and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
            parts.append(f"left: {', '.join(left[:_SHOWN])}{more}")
        described.append(", ".join(parts))
    return "; ".join(described)


@torch.no_grad()
def _take(
    network: nn.Module, given: Tensors, before: tuple[str, ...] | None, now: tuple[str, ...]
) -> _Match:
    """Copy what fits into a network, then settle u and v that do not belong to their weight."""
    own, match = network.state_dict(), _match(network, given, same_classes=before == now)
    for name in match.copied:
        own[name].copy_(given[name])
    for name in match.mapped:
        own[name].copy_(_mapped_rows(given[name], len(own[name]), before or (), now))
    for path, layer in network.named_modules():
        new_weight = f"{path}.weight" in match.taken and f"{path}.u" in match.left
        if isinstance(layer, SpectralLayer) and new_weight:
            power_iteration(layer, SETTLING_ITERATIONS)
    return match


def _mapped_rows(table: Tensor, rows: int, before: tuple[str, ...], now: tuple[str, ...]) -> Tensor:
    """A class table [K_before, ...] with the rows of the classes there are now, [K_now, ...].

    A network without classes has one row, of no name.
    """
    row_of = {name: row for row, name in enumerate(before)} if len(before) == len(table) else {}
    names = now if len(now) == rows else ("",) * rows
    mean = table.mean(0)
    return torch.stack([table[row_of[name]] if name in row_of else mean for name in names])


def _match(network: nn.Module, given: Tensors, *, same_classes: bool) -> _Match:
    own = network.state_dict()
    found = {name: given[name].shape for name in own if name in given}
    same = {name for name, shape in found.items() if shape == own[name].shape}
    tables = {
        name
        for name in _class_tables(network)
        if name in found and found[name][1:] == own[name].shape[1:]
    }
    mapped = {name for name in tables if not same_classes or name not in same}
    fitting = same - mapped
    mapped = {name for name in mapped if _needed_with(name, own) <= mapped}
    copied = {name for name in fitting if _needed_with(name, own) <= fitting}
    left = own.keys() - copied - mapped
    return _Match(*([name for name in own if name in part] for part in (copied, mapped, left)))


def _needed_with(name: str, own: Tensors) -> set[str]:
    """The tensors without which this one means nothing.

    A scalar belongs to all of its module; a bias, u and v to their weight.
    """
    module, _, leaf = name.rpartition(".")
    if not own[name].ndim:
        return {other for other in own if other.startswith(f"{module}.") and own[other].ndim}
    needed = {"weight", "u", "v"} if leaf in {"u", "v"} else {"weight"}
    return own.keys() & {f"{module}.{other}" for other in needed}


def _class_tables(network: nn.Module) -> Iterator[str]:
    """Names of the tensors with a row a class."""
    for path, layer in network.named_modules():
        if isinstance(layer, ConditionalBatchNorm2d):
            yield from (f"{path}.gain", f"{path}.bias")
        elif isinstance(layer, ProjectionHead):
            yield f"{path}.class_embedding.weight"
        elif isinstance(layer, ClassifierHead):
            yield from (f"{path}.classifier.weight", f"{path}.classifier.bias")
