"""Search of latents and classes that explain the visible pixels of one image.

The energy of a latent is the squared distance in the visible pixels, as Yeh et al. (2017), Semantic
Image Inpainting with Deep Generative Models, section 3.2, weigh context against a prior; here the
prior is the latent's own, N(0, I). Each image is searched alone, so that its result is the same
whatever images there are beside it.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sagan.common.pixels import to_float, to_uint8
from sagan.completion.config import CompletionConfig
from sagan.completion.encoder import Encoder
from sagan.completion.inputs import MaskedImage
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
    """Encoder's probability of each class that was tried."""


def search(
    image: MaskedImage,
    generator: Generator,
    encoder: Encoder,
    config: CompletionConfig,
    class_label: int | None,
    device: torch.device,
) -> Found:
    """Search the latents of an image's completions.

    Args:
        image: with its mask.
        generator: on `device`, in evaluation mode.
        encoder: of this generator.
        config: of the search.
        class_label: None: unknown; all classes are tried, and the best starts kept.
        device: where the networks are.
    """
    target = to_float(torch.from_numpy(image.pixels.copy()))[None].to(device)
    hidden = torch.from_numpy(image.hidden.copy())[None].to(device)
    with torch.no_grad():
        features = encoder.features(target, hidden)
        probabilities = F.softmax(encoder.classes(F.relu(features))[0], dim=0)
    count = min(config.max_classes, generator.num_classes)
    tried = probabilities.topk(count).indices if class_label is None else None
    if tried is None:
        tried = torch.tensor([class_label], device=device)
    # the class's mean first, then draws; one start a class where that is enough
    starts_each = max(1, -(-2 * config.candidates // len(tried)))
    labels = tried.repeat_interleave(starts_each)
    with torch.no_grad():
        mean, std = encoder.latents_of(features.expand(len(labels), -1), labels)
    noise = sample_latents(starts_each, generator.latent_dim, config.seed).to(device)
    noise[0] = 0
    problem = _Problem(generator, target, hidden, config)
    latents = mean + std * noise.repeat(len(tried), 1)
    survey = round(_SURVEY_SHARE * config.refine_steps)
    latents, energies = problem.refine(latents, labels, survey)
    kept = energies.argsort(stable=True)[: 2 * config.candidates]
    latents, energies = problem.refine(latents[kept], labels[kept], config.refine_steps - survey)
    best = energies.argsort(stable=True)[: config.candidates]
    with torch.no_grad():
        made = to_uint8(generator(latents[best], labels[kept][best]))
    return Found(
        made.cpu(),
        latents[best].cpu(),
        labels[kept][best].cpu(),
        energies[best].cpu(),
        dict(zip(tried.tolist(), probabilities[tried].tolist(), strict=True)),
    )


class _Problem:
    """The energy of one image, and its descent."""

    def __init__(
        self, generator: Generator, target: Tensor, hidden: Tensor, config: CompletionConfig
    ) -> None:
        """Take an image float [1, C, S, S] and bool [1, S, S]."""
        self.generator, self.target, self.seen = generator, target, ~hidden[:, None]
        self.config = config

    def energy(self, latents: Tensor, class_labels: Tensor) -> Tensor:
        """[N, Z] and [N] -> [N]."""
        error = (self.generator(latents, class_labels) - self.target) * self.seen
        distance = error.square().sum((1, 2, 3)) / (2 * self.config.pixel_std**2)
        return distance + latents.square().sum(1) / 2

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
                energies.sum().backward()
                optimizer.step()
        return best, lowest.detach()
