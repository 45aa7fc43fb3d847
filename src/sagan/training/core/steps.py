"""One update of the discriminator, one of the generator.

G, D, z and y are the paper's symbols: networks, latents [N, Z] and class labels int64 [N].
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from sagan.models.ops.spectral_norm import power_iteration, spectral_vectors
from sagan.training.core.augmentation.methods import unaugmented
from sagan.training.core.finite import FiniteCheck
from sagan.training.core.losses import HINGE, LeCam, Objective

Augment = Callable[..., Tensor]
"""Images [N, C, H, W] and their random numbers -> images that D sees; see `Augmentation`."""


@dataclass(frozen=True)
class DiscriminatorRecord:
    """What an update of the discriminator saw; all tensors are [] and detached."""

    loss: Tensor
    real_logits: Tensor
    fake_logits: Tensor
    real_signs: Tensor
    """Mean sign of the logits on real images, -1..1: r_t of ADA's paper."""
    gradient_norm: Tensor


@dataclass(frozen=True)
class GeneratorRecord:
    """What an update of the generator saw; all tensors are [] and detached."""

    loss: Tensor
    gradient_norm: Tensor


def discriminator_step(  # noqa: PLR0917 - the order is the paper's
    G: nn.Module,
    D: nn.Module,
    optimizer: Optimizer,
    real_images: Tensor,
    class_labels: Tensor,
    z: Tensor,
    y: Tensor,
    *,
    objective: Objective = HINGE,
    lecam: LeCam | None = None,
    augment: Augment = unaugmented,
    draws: Sequence[Tensor] = (),
    bf16: bool = False,
    passes: int = 1,
    check: FiniteCheck | None = None,
) -> DiscriminatorRecord:
    """Update D on one batch of real images and one of fakes, in one concatenated pass.

    Args:
        G: generator, in training mode; it gets no gradient.
        D: discriminator; gradients are averaged over all processes where it is distributed.
        optimizer: of D.
        real_images: float [N, C, H, W], -1..1.
        class_labels: of the real images.
        z: latents of the fakes.
        y: labels of the fakes.
        objective: the losses.
        lecam: a term of the loss beside them; None: none.
        augment: what D sees in place of images.
        draws: its random numbers for the real images and for the fakes, [N, numbers] each.
        bf16: forward passes in bfloat16 where that is safe (autocast); losses and weights are
            float32.
        passes: forward and backward passes that the update is split into (gradient accumulation).
        check: decides whether the update is made; None: one that raises at once.

    Raises:
        NonFiniteError: before weights and batch-norm statistics are touched, unless the check
            defers it.
    """
    check = check or FiniteCheck(z.device, deferred=False)
    optimizer.zero_grad(set_to_none=True)
    seen = []
    with check.unchanged_unless_finite(_batch_norm_buffers(G)):
        batch = (real_images, class_labels, z, y, *draws)
        for last, part in _parts(batch, passes):
            images, labels, latents, fake_labels, *drawn = part
            with torch.no_grad(), _autocast(z.device, bf16):
                fake_images = G(latents, fake_labels)
            shown = augment(torch.cat([images, fake_images]), *drawn)
            both = shown, torch.cat([labels, fake_labels])
            with _gradients_shared(D, last):
                with _autocast(z.device, bf16):
                    logits, class_logits = D(*both)
                real_logits, fake_logits = logits.float().split([len(labels), len(fake_labels)])
                loss = objective.discriminator_loss(real_logits, fake_logits)
                loss = loss + _both_classified(objective, class_logits, labels, fake_labels)
                if lecam is not None:
                    loss = loss + lecam(real_logits, fake_logits)
                (loss / passes).backward()  # type: ignore[no-untyped-call]
            signs = real_logits.sign().mean()
            seen.append(torch.stack([loss, real_logits.mean(), fake_logits.mean(), signs]).detach())
        loss, real_mean, fake_mean, signs = torch.stack(seen).mean(0).unbind()
        facts = {"loss": loss, "real_logits": real_mean, "fake_logits": fake_mean}
        norm = _apply(D, optimizer, "discriminator", facts | _statistics(G), check)
    return DiscriminatorRecord(loss, real_mean, fake_mean, signs, norm)


def generator_step(
    G: nn.Module,
    D: nn.Module,
    optimizer: Optimizer,
    z: Tensor,
    y: Tensor,
    *,
    objective: Objective = HINGE,
    augment: Augment = unaugmented,
    draws: Sequence[Tensor] = (),
    bf16: bool = False,
    passes: int = 1,
    check: FiniteCheck | None = None,
) -> GeneratorRecord:
    """Update G against D, whose weights get no gradient meanwhile.

    Args:
        G: generator, in training mode; gradients are averaged over all processes where it is
            distributed.
        D: discriminator, not distributed.
        optimizer: of G.
        z: latents.
        y: labels.
        objective: the losses.
        augment: what D sees in place of images.
        draws: its random numbers, one tensor [N, numbers].
        bf16: forward passes in bfloat16 where that is safe (autocast); losses and weights are
            float32.
        passes: forward and backward passes that the update is split into (gradient accumulation).
        check: decides whether the update is made; None: one that raises at once.

    Raises:
        NonFiniteError: before weights and batch-norm statistics are touched, unless the check
            defers it.
    """
    check = check or FiniteCheck(z.device, deferred=False)
    optimizer.zero_grad(set_to_none=True)
    seen = []
    trained = [parameter for parameter in D.parameters() if parameter.requires_grad]
    D.requires_grad_(requires_grad=False)
    try:
        with check.unchanged_unless_finite(_batch_norm_buffers(G)):
            for last, (latents, labels, *drawn) in _parts((z, y, *draws), passes):
                with _gradients_shared(G, last):
                    with _autocast(z.device, bf16):
                        images = G(latents, labels)
                    shown = augment(images, *drawn)
                    with _autocast(z.device, bf16):
                        logits, class_logits = D(shown, labels)
                    loss = objective.generator_loss(logits.float())
                    loss = loss + objective.classification_loss(class_logits, labels)
                    (loss / passes).backward()  # type: ignore[no-untyped-call]
                seen.append(loss.detach())
            loss = torch.stack(seen).mean()
            norm = _apply(G, optimizer, "generator", {"loss": loss} | _statistics(G), check)
    finally:
        for parameter in trained:  # frozen blocks stay frozen
            parameter.requires_grad = True
    return GeneratorRecord(loss, norm)


def _autocast(device: torch.device, bf16: bool) -> AbstractContextManager[object]:
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16)


def _both_classified(
    objective: Objective, class_logits: Tensor | None, labels: Tensor, fake_labels: Tensor
) -> Tensor:
    """Cross-entropy on the real images plus that on the fakes (AC-GAN); 0 without a classifier."""
    if class_logits is None:
        return objective.classification_loss(None, labels)
    real, fake = class_logits[: len(labels)], class_logits[len(labels) :]
    return objective.classification_loss(real, labels) + objective.classification_loss(
        fake, fake_labels
    )


def _parts(batch: Sequence[Tensor], count: int) -> Iterator[tuple[bool, list[Tensor]]]:
    """The batch in `count` equal parts, each with whether it is the last one."""
    parts = zip(*(tensor.chunk(count) for tensor in batch), strict=True)
    for number, part in enumerate(parts, start=1):
        yield number == count, list(part)


def _gradients_shared(network: nn.Module, last: bool) -> AbstractContextManager[object]:
    """Processes average their gradients in the last pass of an update only."""
    if isinstance(network, DistributedDataParallel) and not last:
        shared: AbstractContextManager[object] = network.no_sync()
        return shared
    return nullcontext()


def _batch_norms(network: nn.Module) -> list[_BatchNorm]:
    return [layer for layer in network.modules() if isinstance(layer, _BatchNorm)]


def _batch_norm_buffers(network: nn.Module) -> list[Tensor]:
    """All that a forward pass in training mode changes in a network."""
    return [buffer for layer in _batch_norms(network) for buffer in layer.buffers()]


def _statistics(network: nn.Module) -> dict[str, Tensor]:
    """The largest of the batch-norm statistics, which a finite loss may hide."""
    statistics = [
        value
        for layer in _batch_norms(network)
        for value in (layer.running_mean, layer.running_var)
        if value is not None
    ]
    if not statistics:
        return {}
    return {"batch_norm_statistics": torch.nn.utils.get_total_norm(statistics, torch.inf)}


def _apply(
    network: nn.Module,
    optimizer: Optimizer,
    name: str,
    facts: dict[str, Tensor],
    check: FiniteCheck,
) -> Tensor:
    """Step the optimiser if all is finite; then let u and v follow the weights that changed.

    Returns:
        the gradient's norm over all parameters, [].
    """
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients)
    check.step(optimizer, name, facts | {"gradient_norm": norm})
    with check.unchanged_unless_finite(spectral_vectors(network) if check.deferred else ()):
        power_iteration(network, trained_only=True)
    return norm
