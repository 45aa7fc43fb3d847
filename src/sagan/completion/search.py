"""Search of latents and classes that explain the visible pixels of one image.

The energy of a latent is the squared distance in the visible pixels, as Yeh et al. (2017), Semantic
Image Inpainting with Deep Generative Models, section 3.2, weigh context against a prior: here the
latent's own, N(0, I), the encoder's of the classes, and, where it is at hand, the discriminator's
output for the completed image, as there. Each image is searched alone, so that its result is the
same whatever images there are beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sagan.common.pixels import to_float, to_uint8
from sagan.completion.config import SearchConfig
from sagan.completion.encoder import Encoder
from sagan.completion.inputs import MaskedImage
from sagan.models.discriminator import Discriminator
from sagan.models.generator import Generator
from sagan.sampling.latents import sample_latents

_SURVEY_SHARE = 0.4  # of the steps, with which all classes are tried


@dataclass(frozen=True)
class Found:
    """Completions of an image, the best first."""

    images: Tensor
    """uint8 [N, C, S, S]: the generator's images."""
    latents: Tensor
    """float32 [N, Z]."""
    class_labels: Tensor
    """int64 [N]."""
    energies: Tensor
    """float32 [N]: the negative logarithm of likelihood and prior, up to a constant."""
    posterior: dict[int, float]
    """Encoder's probability of each class that was tried; empty where the class was given."""


def search(
    image: MaskedImage,
    generator: Generator,
    encoder: Encoder,
    config: SearchConfig,
    *,
    class_label: int | None,
    device: torch.device,
    discriminator: Discriminator | None = None,
) -> Found:
    """Search the latents of an image's completions.

    Args:
        image: with its mask.
        generator: on `device`, in evaluation mode.
        encoder: of this generator.
        config: of the search.
        class_label: None: unknown; all classes are tried, and the best starts kept, if the
            generator is conditional on them.
        device: where the networks are.
        discriminator: judge of the completed image, in evaluation mode; None: not looked at.
    """
    if not generator.class_conditional:
        class_label = 0
    target = to_float(torch.from_numpy(image.pixels.copy()))[None].to(device)
    hidden = torch.from_numpy(image.hidden.copy())[None].to(device)
    with torch.no_grad():
        features = encoder.features(target, hidden)
        log_probs = F.log_softmax(encoder.classes(F.relu(features))[0], dim=0)
    tried = log_probs.topk(min(config.max_classes, generator.num_classes)).indices
    of_classes = -config.class_weight * log_probs
    if class_label is not None:
        tried = torch.tensor([class_label], device=device)
        of_classes = torch.zeros_like(log_probs)
    each = [1] * len(tried) if len(tried) > 1 else [2 * config.candidates]
    latents, labels = _starts(encoder, features, tried, each, config.seed)
    problem = _Problem(
        generator, target, hidden, config, of_classes=of_classes, discriminator=discriminator
    )
    survey = round(_SURVEY_SHARE * config.refine_steps)
    latents, energies = problem.refine(latents, labels, survey)
    if len(tried) > 1:
        shares = F.softmax(-energies / max(config.class_weight, 1), dim=0)
        counts = _shared_out(shares.tolist(), 2 * config.candidates)
        more, of_more = _starts(encoder, features, tried, counts, config.seed)
        first = [sum(counts[:place]) for place, count in enumerate(counts) if count]
        more[first] = latents[[place for place, count in enumerate(counts) if count]]
        latents, labels = more, of_more
    latents, energies = problem.refine(latents, labels, config.refine_steps - survey)
    best = energies.argsort(stable=True)[: config.candidates]
    latents, labels = latents[best], labels[best]
    with torch.no_grad():
        made = to_uint8(generator(latents, labels))
    posterior = dict(zip(tried.tolist(), log_probs[tried].exp().tolist(), strict=True))
    return Found(
        made.cpu(),
        latents.cpu(),
        labels.cpu(),
        energies[best].cpu(),
        posterior if class_label is None else {},
    )


def _starts(
    encoder: Encoder, features: Tensor, classes: Tensor, counts: Sequence[int], seed: int
) -> tuple[Tensor, Tensor]:
    """Latents [N, Z] and classes [N] to start from: of each class its mean, then draws."""
    labels = classes.repeat_interleave(torch.tensor(counts, device=classes.device))
    with torch.no_grad():
        mean, std = encoder.latents_of(features.expand(len(labels), -1), labels)
    noise = [sample_latents(count, mean.shape[1], seed) for count in counts if count]
    for one in noise:
        one[0] = 0
    return mean + std * torch.cat(noise).to(mean.device), labels


def _shared_out(shares: Sequence[float], count: int) -> list[int]:
    """Whole numbers that sum to `count`, in proportion to shares that sum to 1."""
    counts = [int(share * count) for share in shares]
    by_rest = sorted(range(len(shares)), key=lambda k: counts[k] - shares[k] * count)
    for k in by_rest[: count - sum(counts)]:
        counts[k] += 1
    return counts


class _Problem:
    """The energy of one image, and its descent."""

    def __init__(
        self,
        generator: Generator,
        target: Tensor,
        hidden: Tensor,
        config: SearchConfig,
        *,
        of_classes: Tensor,
        discriminator: Discriminator | None,
    ) -> None:
        """Take an image float [1, C, S, S], bool [1, S, S] and the classes' energies [K]."""
        self.generator = generator.requires_grad_(requires_grad=False)
        self.target, self.hidden = target, hidden[:, None]
        self.config, self.of_classes, self.discriminator = config, of_classes, discriminator

    def energy(self, latents: Tensor, class_labels: Tensor) -> Tensor:
        """[N, Z] and [N] -> [N]."""
        images = self.generator(latents, class_labels)
        distance = (images - self.target).mul(~self.hidden).square().sum((1, 2, 3))
        energies: Tensor = distance / (2 * self.config.pixel_std**2) + latents.square().sum(1) / 2
        if self.discriminator is not None:
            completed = torch.where(self.hidden, images, self.target)
            logits, _ = self.discriminator(completed, class_labels)
            energies = energies - self.config.realism_weight * logits
        return energies + self.of_classes[class_labels]

    def refine(self, latents: Tensor, class_labels: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """Adam on each latent; the best latents [N, Z] on the way and their energies [N]."""
        latents = latents.clone().requires_grad_()
        optimizer = torch.optim.Adam([latents], self.config.lr)
        best, lowest = latents.detach().clone(), torch.full_like(latents[:, 0], torch.inf)
        for step in range(steps + 1):
            with torch.set_grad_enabled(step < steps):
                energies = self.energy(latents, class_labels)
            better = energies.detach() < lowest
            best = torch.where(better[:, None], latents.detach(), best)
            lowest = torch.where(better, energies.detach(), lowest)
            if step < steps:
                optimizer.zero_grad()
                energies.sum().backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        return best, lowest.detach()
