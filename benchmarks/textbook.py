"""The training step as textbooks and most public code write it, to measure ours against.

The same networks and the same maths: NCHW, torch's own spectral-norm parametrization (a power
iteration at each forward pass), upsample then convolve, convolve then pool, 1x1 shortcuts at the
higher resolution, the attention map written out, two passes through the discriminator, which is not
frozen while the generator learns, plain Adam.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.optim import Optimizer

from sagan.models.attention import SelfAttention2d
from sagan.models.blocks import DiscriminatorBlock, DiscriminatorStem, GeneratorBlock
from sagan.models.normalization import ConditionalBatchNorm2d
from sagan.training.core.losses import hinge_discriminator_loss, hinge_generator_loss


class TextbookGeneratorBlock(GeneratorBlock):
    """Upsamples, then convolves, in both branches."""

    def forward(self, x: Tensor, class_labels: Tensor) -> Tensor:  # noqa: D102
        h = F.relu(self.norm1(x, class_labels))
        h = self.conv1(F.interpolate(h, scale_factor=2.0, mode="nearest"))
        h = self.conv2(F.relu(self.norm2(h, class_labels)))
        return h + self.shortcut(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class TextbookDiscriminatorStem(DiscriminatorStem):
    """Convolves, then pools."""

    def forward(self, images: Tensor) -> Tensor:  # noqa: D102
        h = F.avg_pool2d(self.conv2(F.relu(self.conv1(images))), 2)
        return h + self.shortcut(F.avg_pool2d(images, 2))


class TextbookDiscriminatorBlock(DiscriminatorBlock):
    """Convolves, then pools, in both branches."""

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        h = self.conv2(F.relu(self.conv1(F.relu(x))))
        if not self.downsample:
            return h + self.shortcut(x)
        return F.avg_pool2d(h, 2) + F.avg_pool2d(self.shortcut(x), 2)


class TextbookAttention(SelfAttention2d):
    """Makes the map, then multiplies by it."""

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        return self.forward_with_map(x)[0]


class TextbookConditionalBatchNorm2d(ConditionalBatchNorm2d):
    """Normalises, then scales and shifts by the class."""

    def forward(self, x: Tensor, class_labels: Tensor) -> Tensor:  # noqa: D102
        gain = self.gain[class_labels][:, :, None, None]
        bias = self.bias[class_labels][:, :, None, None]
        return torch.addcmul(bias, self.normalize(x), gain)


_TEXTBOOK = {
    SelfAttention2d: TextbookAttention,
    ConditionalBatchNorm2d: TextbookConditionalBatchNorm2d,
    GeneratorBlock: TextbookGeneratorBlock,
    DiscriminatorStem: TextbookDiscriminatorStem,
    DiscriminatorBlock: TextbookDiscriminatorBlock,
}


def make_textbook(network: nn.Module) -> nn.Module:
    """Turn a network of ours, built without spectral norm, into the textbook's, in place."""
    for layer in list(network.modules()):
        layer.__class__ = _TEXTBOOK.get(type(layer), type(layer))
        if isinstance(layer, nn.Conv2d | nn.Linear | nn.Embedding):
            spectral_norm(layer)
    return network


def textbook_step(
    generator: nn.Module,
    discriminator: nn.Module,
    optimizers: Sequence[Optimizer],
    real: tuple[Tensor, Tensor],
    fakes: list[tuple[Tensor, Tensor]],
) -> None:
    """One update of the discriminator, one of the generator.

    Args:
        generator: of the textbook.
        discriminator: of the textbook.
        optimizers: of the generator, of the discriminator.
        real: images [N, C, H, W] and labels [N].
        fakes: latents [N, Z] and labels [N], for each of the two updates.
    """
    generator_optimizer, discriminator_optimizer = optimizers
    (z, y), (other_z, other_y) = fakes
    discriminator_optimizer.zero_grad()
    fake_images = generator(z, y).detach()
    loss = hinge_discriminator_loss(discriminator(*real)[0], discriminator(fake_images, y)[0])
    loss.backward()
    discriminator_optimizer.step()

    generator_optimizer.zero_grad()
    hinge_generator_loss(discriminator(generator(other_z, other_y), other_y)[0]).backward()
    generator_optimizer.step()


def copy_weights(source: nn.Module, target: nn.Module) -> None:
    """Give the textbook's network the weights of ours, plain or spectrally normalised."""
    theirs = dict(target.named_parameters())
    with torch.no_grad():
        for name, parameter in source.named_parameters():
            owner, _, leaf = name.rpartition(".")
            parametrized = f"{owner}.parametrizations.{leaf}.original"
            theirs[parametrized if parametrized in theirs else name].copy_(parameter)
