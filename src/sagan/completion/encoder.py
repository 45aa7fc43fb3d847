"""Encoder from the visible part of an image to class and latent, trained on generated samples.

It starts the search of latents, as in Zhu et al. (2016), Generative Visual Manipulation on the
Natural Image Manifold, section 3.1, whose error is of pixels too. It learns the approximate
posterior of the latent under random masks (Kingma & Welling, 2014, with the generator as a fixed
decoder), so that several starts are drawn from it. Real images lie beside those that a generator
makes: the samples are changed a little.
"""

import logging
import pickle
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save
from torch import Tensor, nn

from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.common.files import (
    display_path,
    file_sha256,
    json_sha256,
    replacing_file,
    require_space,
    source_hash,
)
from sagan.common.progress import progress_bar
from sagan.completion.config import EncoderConfig
from sagan.completion.masks import random_mask
from sagan.models.generator import Generator
from sagan.sampling.latents import sample_latents

logger = logging.getLogger(__name__)

_SMALLEST_PX = 4  # side of the last feature map
_PIXEL_STD = 0.3  # of a real image's pixel around the nearest one that the generator makes
_SAVED_EVERY = 100  # steps of the training
_TURNED, _SCALED, _SHIFTED, _NOISE = 0.15, 0.1, 0.08, 0.15  # standard deviations of changes


class Encoder(nn.Module):
    """Convolutions that halve the map down to 4x4, a class head, and a latent head for a class."""

    def __init__(
        self, *, image_size: int, channels: int, latent_dim: int, num_classes: int, base: int
    ) -> None:
        """Build for images [channels, S, S]; `base`: channels of the first map."""
        super().__init__()
        widths = [base]
        layers: list[nn.Module] = [nn.Conv2d(channels + 1, base, 3, padding=1), nn.ReLU()]
        side = image_size
        while side > _SMALLEST_PX:
            widths.append(min(2 * widths[-1], 8 * base))
            layers += [nn.Conv2d(widths[-2], widths[-1], 4, stride=2, padding=1), nn.ReLU()]
            side //= 2
        hidden = 8 * base
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * side**2, hidden))
        self.classes = nn.Linear(hidden, num_classes)
        self.embedding = nn.Embedding(num_classes, hidden)
        self.latents = nn.Linear(hidden, 2 * latent_dim)

    def features(self, images: Tensor, hidden: Tensor) -> Tensor:
        """Float [N, C, S, S] and bool [N, S, S] -> [N, F]; hidden pixels are not looked at."""
        seen = ~hidden[:, None]
        features: Tensor = self.body(torch.cat([images * seen, seen.to(images.dtype)], dim=1))
        return features

    def latents_of(self, features: Tensor, class_labels: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the latents of a class, each [N, Z]."""
        mean, log_std = self.latents(F.relu(features + self.embedding(class_labels))).chunk(2, 1)
        return mean, log_std.clamp(-4, 0.5).exp()


def obtain_encoder(
    bundle: GeneratorBundle,
    generator: Generator,
    config: EncoderConfig,
    folder: Path,
    *,
    seed: int,
    device: torch.device,
) -> Encoder:
    """The encoder of a generator, read from a folder, or trained and kept there.

    A training that was stopped goes on from its last hundred of steps, with the same result.

    Args:
        bundle: whose weights the encoder is kept by.
        generator: of the bundle, on `device`, in evaluation mode.
        config: of the training.
        folder: where encoders are kept.
        seed: of weights, latents and masks.
        device: where the generator's weights are.

    Raises:
        OSError: if the encoder is to be trained and cannot be written.
        ValueError: if the file that is kept is damaged.
    """
    code = source_hash("completion/encoder.py", "completion/masks.py", "models")
    weights = bundle.weights_sha256 or file_sha256(bundle.path / "generator.safetensors")
    key = json_sha256([weights, code, seed, config.model_dump(mode="json")])[:16]
    file = folder / f"encoder-{key}.safetensors"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = Encoder(
            image_size=generator.image_size,
            channels=generator.image_channels,
            latent_dim=generator.latent_dim,
            num_classes=generator.num_classes,
            base=config.base_channels,
        ).to(device)
    if file.is_file():
        try:
            encoder.load_state_dict(load_file(file))
        except Exception as error:  # safetensors and torch have errors of their own
            raise ValueError(f"{file} is damaged ({error}); remove it to train it again") from None
    else:
        folder.mkdir(parents=True, exist_ok=True)
        require_space(folder, 0, remedy="choose another one")  # before minutes of training
        begun = file.with_suffix(".begun")
        logger.info("training an encoder, once for this generator; kept in %s", display_path(file))
        _train(encoder, generator, config, seed, device, begun=begun)
        with replacing_file(file) as temporary:
            state = {name: w.cpu().contiguous() for name, w in encoder.state_dict().items()}
            temporary.write_bytes(save(state))
        begun.unlink(missing_ok=True)
    return encoder.eval().requires_grad_(requires_grad=False)


def _train(
    encoder: Encoder,
    generator: Generator,
    config: EncoderConfig,
    seed: int,
    device: torch.device,
    *,
    begun: Path,
) -> None:
    """Maximise the evidence lower bound of the visible pixels, and the class's likelihood.

    `begun` is the file of what a stopped training had done.
    """
    count, size = config.batch_size, generator.image_size
    generator.requires_grad_(requires_grad=False)
    optimizer = torch.optim.Adam(encoder.parameters(), config.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.steps)
    parts: dict[str, Any] = {"encoder": encoder, "optimizer": optimizer, "schedule": schedule}
    first = 0
    if begun.is_file():
        try:
            state = torch.load(begun, map_location=device, weights_only=True)
            for name, part in parts.items():
                part.load_state_dict(state[name])
            first = int(state["steps"])
        except (RuntimeError, EOFError, KeyError, pickle.UnpicklingError) as fault:
            raise ValueError(f"{begun} is damaged ({fault}); remove it to begin again") from None
    steps = range(first, config.steps)
    for step in progress_bar("training encoder", config.steps, "steps", steps, done=first):
        if step > first and step % _SAVED_EVERY == 0:
            state = {name: part.state_dict() for name, part in parts.items()}
            content = BytesIO()  # on a full disk, torch.save's own writer raises no OSError
            torch.save({**state, "steps": step}, content)
            with replacing_file(begun) as temporary:
                temporary.write_bytes(content.getbuffer())
        random = np.random.default_rng([seed, step])
        latents = sample_latents(count, generator.latent_dim, seed, first_index=step * count)
        labels = torch.from_numpy(random.integers(0, generator.num_classes, count)).to(device)
        masks = np.stack([random_mask(random, size) for _ in range(count)])
        hidden = torch.from_numpy(masks).to(device)
        with torch.no_grad():
            images = _changed(generator(latents.to(device), labels), random)
        features = encoder.features(images, hidden)
        mean, std = encoder.latents_of(features, labels)
        noise = torch.from_numpy(random.standard_normal(mean.shape, np.float32)).to(device)
        error = (generator(mean + std * noise, labels) - images) * ~hidden[:, None]
        likelihood = error.square().sum((1, 2, 3)) / (2 * _PIXEL_STD**2)
        divergence = ((mean**2 + std**2 - 1) / 2 - std.log()).sum(1)
        loss = (likelihood + divergence).mean() / images[0].numel()
        loss = loss + F.cross_entropy(encoder.classes(F.relu(features)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


def _changed(images: Tensor, random: np.random.Generator) -> Tensor:
    """Float [N, C, S, S], each a little turned, scaled, sheared, shifted, with noise; same size."""
    count = len(images)
    affine = np.zeros((count, 2, 3))
    angle, shear = random.normal(0, _TURNED, count), random.normal(0, _SCALED, count)
    scales = np.exp(random.normal(0, _SCALED, (count, 2)))
    affine[:, 0, 0], affine[:, 1, 1] = (np.cos(angle)[:, None] * scales).T
    affine[:, 0, 1], affine[:, 1, 0] = shear - np.sin(angle), np.sin(angle)
    affine[:, :, 2] = random.normal(0, _SHIFTED, (count, 2))
    to = torch.from_numpy(affine).to(images)
    grid = F.affine_grid(to, list(images.shape), align_corners=False)
    changed = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    noise = torch.from_numpy(random.standard_normal(images.shape, np.float32))
    return changed + _NOISE * noise.to(images)
