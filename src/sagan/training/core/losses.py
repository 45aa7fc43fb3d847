"""Adversarial losses (paper, equation 4, and the older one), the classifier's, and LeCam's term."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def hinge_discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(z)))], not halved; logits [N] -> []."""
    return F.relu(1.0 - real_logits).mean() + F.relu(1.0 + fake_logits).mean()


def hinge_generator_loss(fake_logits: Tensor) -> Tensor:
    """-E[D(G(z))]; logits [N] -> []."""
    return -fake_logits.mean()


def bce_discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """-E[log s(D(x))] - E[log(1 - s(D(G(z))))], s the sigmoid (Goodfellow et al., 2014); -> []."""
    return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()


def bce_generator_loss(fake_logits: Tensor) -> Tensor:
    """-E[log s(D(G(z)))], the non-saturating form; logits [N] -> []."""
    return F.softplus(-fake_logits).mean()


@dataclass(frozen=True)
class Objective:
    """How logits become the two losses."""

    discriminator_loss: Callable[[Tensor, Tensor], Tensor] = hinge_discriminator_loss
    generator_loss: Callable[[Tensor], Tensor] = hinge_generator_loss
    classifier_weight: float = 1.0
    """Of the auxiliary classifier's cross-entropy beside the adversarial loss (AC-GAN)."""

    def classification_loss(self, class_logits: Tensor | None, class_labels: Tensor) -> Tensor:
        """Weighted cross-entropy; class_logits [N, K], int64 [N] -> []; 0 without a classifier."""
        if class_logits is None:
            return torch.zeros((), device=class_labels.device)
        return self.classifier_weight * F.cross_entropy(class_logits.float(), class_labels)


HINGE = Objective()


def objective(name: str, classifier_weight: float = 1.0) -> Objective:
    """The objective of a name: 'hinge' or 'bce'.

    Raises:
        ValueError: for another name.
    """
    losses = {
        "hinge": (hinge_discriminator_loss, hinge_generator_loss),
        "bce": (bce_discriminator_loss, bce_generator_loss),
    }
    if name not in losses:
        raise ValueError(f"loss must be one of {', '.join(losses)}, got {name!r}")
    return Objective(*losses[name], classifier_weight)


class LeCam(nn.Module):
    """Regularisation of D towards averages of its own logits (LeCam; Tseng et al., 2021).

    E[max(0, D(x) - a_fake)^2] + E[max(0, a_real - D(G(z)))^2], as in the authors' release, with
    exponential averages a of D's logits on the other kind of images. The averages are those before
    an update; the release's include the batch itself. During the warm-up the term is 0 and the
    averages are the last batch's means, as in the release for CIFAR.
    """

    averages: Tensor
    updates: Tensor

    def __init__(self, weight: float, decay: float, warmup_updates: int) -> None:
        """Take the term's weight, the averages' decay per update of D, and the warm-up."""
        super().__init__()
        self._weight, self._decay = weight, decay
        self._warmup = max(1, warmup_updates)  # the first update has no averages before it
        self.register_buffer("averages", torch.zeros(2))  # of real, of fake images
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    def forward(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """The weighted term; logits [N] -> []."""
        of_real, of_fake = self.averages
        term = F.relu(real_logits - of_fake).square().mean()
        term = term + F.relu(of_real - fake_logits).square().mean()
        return torch.where(self.updates < self._warmup, 0.0, self._weight * term)

    def update(self, means: Tensor) -> None:
        """Account for an update of D: its mean logits [2] on all real and all fake images."""
        decay = torch.where(self.updates < self._warmup, 0.0, self._decay)
        self.averages.mul_(decay).add_(means * (1 - decay))
        self.updates += 1
