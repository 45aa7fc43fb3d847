"""One update of the discriminator, one of the generator.

G, D, z and y are the paper's symbols: networks, latents [N, Z] and class labels int64 [N].
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from sagan.models.spectral_norm import power_iteration
from sagan.training.losses import hinge_discriminator_loss, hinge_generator_loss


class NonFiniteError(ArithmeticError):
    """A loss or a gradient is NaN or infinite; the weights have not been touched."""


@dataclass(frozen=True)
class DiscriminatorRecord:
    """What an update of the discriminator saw; all tensors are [] and detached."""

    loss: Tensor
    real_logits: Tensor
    fake_logits: Tensor


def discriminator_step(  # noqa: PLR0917 - the order is the paper's
    G: nn.Module,
    D: nn.Module,
    optimizer: Optimizer,
    real_images: Tensor,
    class_labels: Tensor,
    z: Tensor,
    y: Tensor,
) -> DiscriminatorRecord:
    """Update D on one batch of real images and one of fakes, in one concatenated pass.

    Args:
        G: generator, in training mode; it gets no gradient.
        D: discriminator.
        optimizer: of D.
        real_images: float [N, 3, H, W], -1..1.
        class_labels: of the real images.
        z: latents of the fakes.
        y: labels of the fakes.

    Raises:
        NonFiniteError: before the weights are touched.
    """
    with torch.no_grad():
        fake_images = G(z, y)
    logits = D(torch.cat([real_images, fake_images]), torch.cat([class_labels, y]))
    real_logits, fake_logits = logits.split([len(real_images), len(fake_images)])
    loss = hinge_discriminator_loss(real_logits, fake_logits)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    _apply(D, optimizer, loss, "discriminator")
    return DiscriminatorRecord(
        loss.detach(), real_logits.detach().mean(), fake_logits.detach().mean()
    )


def generator_step(
    G: nn.Module, D: nn.Module, optimizer: Optimizer, z: Tensor, y: Tensor
) -> Tensor:
    """Update G against D, whose weights are frozen meanwhile.

    Returns:
        the loss, [] and detached.

    Raises:
        NonFiniteError: before the weights are touched.
    """
    D.requires_grad_(requires_grad=False)
    try:
        loss = hinge_generator_loss(D(G(z, y), y))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
    finally:
        D.requires_grad_(requires_grad=True)
    _apply(G, optimizer, loss, "generator")
    return loss.detach()


def _apply(network: nn.Module, optimizer: Optimizer, loss: Tensor, name: str) -> None:
    """Step the optimiser if all is finite; then let u and v follow the new weights."""
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients)
    if not torch.isfinite(norm + loss):
        raise NonFiniteError(
            f"the {name}'s update is not finite: loss {loss.item():.4g}, "
            f"gradient norm {norm.item():.4g}"
        )
    optimizer.step()
    power_iteration(network)
