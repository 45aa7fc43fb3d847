"""Residual blocks of both networks, and the channel counts by resolution."""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from sagan.models.attention import ATTENTION_MULTIPLE, SelfAttention2d
from sagan.models.normalization import ConditionalBatchNorm2d
from sagan.models.ops.resampling import add_upsampled, conv_pool, upsample_conv
from sagan.models.ops.spectral_norm import conv2d

BlockWidth = Literal["wide", "thin"]
Insertion = Literal["released", "scaled", "paper", "residual"]

SMALLEST_RESOLUTION = 4  # px; both networks begin or end there
_MOST_CHANNELS = 16  # times base_channels


def check_attention(
    wanted: tuple[int, ...], channels: dict[int, int], form: Insertion, network: str
) -> None:
    """Refuse attention where the network has no such feature map, or not the channels for it.

    Args:
        wanted: sides of feature maps [px].
        channels: of the feature maps that attention may follow, by resolution.
        form: of what is inserted; a residual block takes any number of channels.
        network: for the message, "generator" or "discriminator".
    """
    available = list(channels)
    missing = [r for r in wanted if r not in channels]
    if missing:
        raise ValueError(
            f"model.{network}.attention_resolutions: no feature map of {missing} px; "
            f"at this image size the {network} has {available}"
        )
    odd = {r: channels[r] for r in wanted if channels[r] % ATTENTION_MULTIPLE}
    if odd and form != "residual":
        found = ", ".join(f"{count} at {r} px" for r, count in odd.items())
        raise ValueError(
            f"model.{network}.base_channels: self-attention needs feature maps whose channels are "
            f"a multiple of {ATTENTION_MULTIPLE}; there would be {found}"
        )


def generator_channels(resolution: int, *, image_size: int, base_channels: int) -> int:
    """Channels of the generator's feature map: doubling towards 4x4, at most 16 times the base."""
    return base_channels * min(_MOST_CHANNELS, image_size // resolution)


def discriminator_channels(resolution: int, *, image_size: int, base_channels: int) -> int:
    """Channels of the discriminator's feature map, whose largest is half the image."""
    return base_channels * min(_MOST_CHANNELS, image_size // (2 * resolution))


class GeneratorBlock(nn.Module):
    """cBN, ReLU, upsample, conv, cBN, ReLU, conv; the shortcut is upsampled and projected."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        num_classes: int,
        momentum: float,
        spectral_norm: bool,
    ) -> None:
        """Take channel counts, K classes, the batch norm's momentum."""
        super().__init__()
        self.norm1 = ConditionalBatchNorm2d(in_channels, num_classes=num_classes, momentum=momentum)
        self.conv1 = conv2d(in_channels, out_channels, 3, spectral_norm=spectral_norm)
        self.norm2 = ConditionalBatchNorm2d(
            out_channels, num_classes=num_classes, momentum=momentum
        )
        self.conv2 = conv2d(out_channels, out_channels, 3, spectral_norm=spectral_norm)
        self.shortcut = conv2d(in_channels, out_channels, 1, spectral_norm=spectral_norm)

    def forward(self, x: Tensor, class_labels: Tensor) -> Tensor:
        """[N, C_in, H, W] -> [N, C_out, 2H, 2W]."""
        h = F.relu(self.norm1(x, class_labels), inplace=True)
        h = upsample_conv(h, self.conv1)
        h = F.relu(self.norm2(h, class_labels), inplace=True)
        # a 1x1 convolution commutes with nearest upsampling: a quarter of the work
        return add_upsampled(self.conv2(h), self.shortcut(x))


class BottleneckBlock(nn.Module):
    """A residual block of like size, to stand in attention's place (paper, table 1).

    ReLU, 1x1, ReLU, 3x3, ReLU, 1x1, sum; no biases. With 5C/18 channels inside it has
    2 C h + 9 h^2 = 1.25 C^2 weights, as the released attention has.
    """

    def __init__(self, channels: int, *, spectral_norm: bool) -> None:
        """Take C, the channels of the feature map."""
        super().__init__()
        hidden = max(1, round(5 * channels / 18))
        options = {"bias": False, "spectral_norm": spectral_norm}
        self.conv1 = conv2d(channels, hidden, 1, **options)
        self.conv2 = conv2d(hidden, hidden, 3, **options)
        self.conv3 = conv2d(hidden, channels, 1, **options)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, C, H, W]."""
        h = self.conv1(F.relu(x))
        h = self.conv2(F.relu(h))
        made: Tensor = self.conv3(F.relu(h))
        return x + made


def insertions(
    channels: dict[int, int], resolutions: tuple[int, ...], *, form: Insertion, spectral_norm: bool
) -> dict[int, tuple[str, nn.Module]]:
    """What follows the feature maps asked for: by resolution, its name and the module.

    Args:
        channels: of each feature map, by resolution.
        resolutions: sides of the feature maps that something follows [px].
        form: "released", "scaled" or "paper" attention (see `SelfAttention2d`), or "residual": a
            `BottleneckBlock` in its place.
        spectral_norm: normalise their convolutions.
    """
    made: dict[int, tuple[str, nn.Module]] = {}
    for r in resolutions:
        if form == "residual":
            residual = BottleneckBlock(channels[r], spectral_norm=spectral_norm)
            made[r] = (f"{r}x{r}_residual", residual)
        else:
            attention = SelfAttention2d(channels[r], spectral_norm=spectral_norm, form=form)
            made[r] = (f"{r}x{r}_attention", attention)
    return made


class DiscriminatorStem(nn.Module):
    """First block: conv, ReLU, conv, pool; the shortcut is pooled and projected.

    No ReLU in front, since images are not activations.
    """

    def __init__(self, image_channels: int, out_channels: int, *, spectral_norm: bool) -> None:
        """Take the channels of the images, and those to make of them."""
        super().__init__()
        self.conv1 = conv2d(image_channels, out_channels, 3, spectral_norm=spectral_norm)
        self.conv2 = conv2d(out_channels, out_channels, 3, spectral_norm=spectral_norm)
        self.shortcut = conv2d(image_channels, out_channels, 1, spectral_norm=spectral_norm)

    def forward(self, images: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, C_out, H/2, W/2]."""
        h = conv_pool(F.relu(self.conv1(images), inplace=True), self.conv2)
        shortcut: Tensor = self.shortcut(F.avg_pool2d(images, 2))
        return h.add_(shortcut)


class DiscriminatorBlock(nn.Module):
    """ReLU, conv, ReLU, conv, pool; no normalisation layer.

    The first ReLU is out of place: the shortcut sees the un-activated input. Without
    downsampling the shortcut is the identity. Between its convolutions a wide block has as many
    channels as it puts out (SAGAN), a thin one as many as it takes in (SNGAN).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        downsample: bool,
        spectral_norm: bool,
        width: BlockWidth = "wide",
    ) -> None:
        """Take channel counts and width; `downsample` halves height and width of the map."""
        super().__init__()
        self.downsample = downsample
        hidden = out_channels if width == "wide" else in_channels
        self.conv1 = conv2d(in_channels, hidden, 3, spectral_norm=spectral_norm)
        self.conv2 = conv2d(hidden, out_channels, 3, spectral_norm=spectral_norm)
        self.shortcut = (
            conv2d(in_channels, out_channels, 1, spectral_norm=spectral_norm)
            if downsample
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """[N, C_in, H, W] -> [N, C_out, H/2, W/2], or [N, C_out, H, W] without downsampling."""
        h = F.relu(self.conv1(F.relu(x)), inplace=True)
        if self.downsample:
            # average pooling commutes with the 1x1 convolution: a quarter of the work
            h, x = conv_pool(h, self.conv2), F.avg_pool2d(x, 2)
        else:
            h = self.conv2(h)
        shortcut: Tensor = self.shortcut(x)
        return h.add_(shortcut)
