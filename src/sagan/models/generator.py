"""The generator: from a latent vector and a class to an image."""

from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sagan.models.attention import SelfAttention2d
from sagan.models.blocks import (
    SMALLEST_RESOLUTION,
    GeneratorBlock,
    Insertion,
    check_attention,
    generator_channels,
    insertions,
)
from sagan.models.normalization import EPS
from sagan.models.ops.spectral_norm import conv2d, initialize, linear
from sagan.network_config import GeneratorConfig, check_image_size


class Generator(nn.Module):
    """SAGAN's generator as released, at any of `IMAGE_SIZES`.

    A linear layer makes a 4x4 map; blocks double it up to the image; self-attention follows the
    feature maps asked for.
    """

    def __init__(
        self,
        *,
        image_size: int,
        num_classes: int,
        image_channels: int = 3,
        base_channels: int = 64,
        latent_dim: int = 128,
        class_conditional: bool = True,
        attention_resolutions: tuple[int, ...] = (32,),
        attention_form: Insertion = "released",
        spectral_norm: bool = True,
        conv_gain: float = 1.0,
        batch_norm_momentum: float = 0.001,
        final_batch_norm_momentum: float = 0.0001,
    ) -> None:
        """Build and initialise.

        Args:
            image_size: side of the images [px].
            num_classes: K.
            image_channels: C of the images, 1 or 3.
            base_channels: channels at full resolution.
            latent_dim: Z.
            class_conditional: batch-norm tables with a row a class; else with one row for all.
            attention_resolutions: sides of the feature maps followed by attention [px].
            attention_form: "released", "scaled", "paper" or "residual"; see `insertions`.
            spectral_norm: normalise all convolutions and linear layers.
            conv_gain: of the 3x3 kernels' start.
            batch_norm_momentum: of the conditional batch norms.
            final_batch_norm_momentum: of the last, unconditional one.

        Raises:
            ValueError: on a size or an attention resolution that the network cannot have.
        """
        super().__init__()
        check_image_size(image_size)
        resolutions = [2**k for k in range(3, image_size.bit_length())]  # 8 ... image_size
        self.image_size, self.num_classes, self.latent_dim = image_size, num_classes, latent_dim
        self.image_channels, self.class_conditional = image_channels, class_conditional
        has_attention = attention_form != "residual"
        self.attention_resolutions = tuple(sorted(attention_resolutions)) if has_attention else ()
        channels = {
            r: generator_channels(r, image_size=image_size, base_channels=base_channels)
            for r in [SMALLEST_RESOLUTION, *resolutions]
        }
        check_attention(
            attention_resolutions,
            {r: channels[r] for r in resolutions},
            attention_form,
            "generator",
        )
        self.first_shape = (channels[SMALLEST_RESOLUTION], SMALLEST_RESOLUTION, SMALLEST_RESOLUTION)
        inserted = insertions(
            channels,
            attention_resolutions,
            form=attention_form,
            spectral_norm=spectral_norm,
        )
        self.linear = linear(latent_dim, prod(self.first_shape), spectral_norm=spectral_norm)
        self.layers = nn.ModuleDict()
        for r in resolutions:
            self.layers[f"{r}x{r}_block"] = GeneratorBlock(
                channels[r // 2],
                channels[r],
                num_classes=num_classes if class_conditional else 1,
                momentum=batch_norm_momentum,
                spectral_norm=spectral_norm,
            )
            if r in inserted:
                name, module = inserted[r]
                self.layers[name] = module
        self.norm = nn.BatchNorm2d(base_channels, eps=EPS, momentum=final_batch_norm_momentum)
        self.to_rgb = conv2d(base_channels, image_channels, 3, spectral_norm=spectral_norm)
        initialize(self, conv_gain=conv_gain)

    def forward(self, latents: Tensor, class_labels: Tensor) -> Tensor:
        """Make images.

        Args:
            latents: float [N, Z], from N(0, I).
            class_labels: int64 [N], 0..K-1.

        Returns:
            float [N, C, H, W], -1..1.
        """
        x, rows = self._first_map(latents), self._table_rows(class_labels)
        for layer in self.layers.values():
            x = layer(x, rows) if isinstance(layer, GeneratorBlock) else layer(x)
        return self._to_image(x)

    def forward_with_attention(
        self, latents: Tensor, class_labels: Tensor
    ) -> tuple[Tensor, dict[int, Tensor]]:
        """`forward`, and the attention maps by resolution r: [N, r*r, keys], keys (r/2)*(r/2)."""
        x, rows, maps = self._first_map(latents), self._table_rows(class_labels), {}
        for layer in self.layers.values():
            if isinstance(layer, SelfAttention2d):
                x, maps[x.shape[-1]] = layer.forward_with_map(x)
            else:
                x = layer(x, rows) if isinstance(layer, GeneratorBlock) else layer(x)
        return self._to_image(x), maps

    def _table_rows(self, class_labels: Tensor) -> Tensor:
        return class_labels if self.class_conditional else torch.zeros_like(class_labels)

    def _first_map(self, latents: Tensor) -> Tensor:
        x: Tensor = self.linear(latents).view(-1, *self.first_shape)
        if self.to_rgb.weight.is_contiguous(memory_format=torch.channels_last):
            x = x.contiguous(memory_format=torch.channels_last)
        return x

    def _to_image(self, x: Tensor) -> Tensor:
        return torch.tanh(self.to_rgb(F.relu(self.norm(x), inplace=True)))


def build_generator(
    config: GeneratorConfig, *, image_size: int, num_classes: int, image_channels: int = 3
) -> Generator:
    """The generator that a configuration asks for, on the CPU, freshly initialised."""
    return Generator(
        image_size=image_size,
        num_classes=num_classes,
        image_channels=image_channels,
        **config.for_image_size(image_size).model_dump(),
    )
