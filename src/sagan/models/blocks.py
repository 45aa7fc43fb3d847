"""Residual blocks of both networks, and the channel counts by resolution."""

import torch.nn.functional as F
from torch import Tensor, nn

from sagan.models.normalization import ConditionalBatchNorm2d
from sagan.models.resampling import conv_pool, upsample_conv
from sagan.models.spectral_norm import conv2d

SMALLEST_RESOLUTION = 4  # px; both networks begin or end there
_MOST_CHANNELS = 16  # times base_channels


def check_image_size(image_size: int) -> None:
    """Refuse a size that the formula of resolutions does not serve."""
    if image_size not in (16, 32, 64, 128, 256):
        raise ValueError(f"image_size must be 16, 32, 64, 128 or 256 px, got {image_size}")


def check_attention(wanted: tuple[int, ...], available: list[int], network: str) -> None:
    """Refuse attention at a resolution that the network does not have."""
    missing = [r for r in wanted if r not in available]
    if missing:
        raise ValueError(
            f"model.{network}.attention_resolutions: no feature map of {missing} px; "
            f"at this image size the {network} has {available}"
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
        h = F.relu(self.norm1(x, class_labels))
        h = upsample_conv(h, self.conv1)
        h = F.relu(self.norm2(h, class_labels))
        made: Tensor = self.conv2(h)
        # a 1x1 convolution commutes with nearest upsampling: a quarter of the work
        shortcut: Tensor = F.interpolate(self.shortcut(x), scale_factor=2.0, mode="nearest")
        return made + shortcut


class DiscriminatorStem(nn.Module):
    """First block: conv, ReLU, conv, pool; the shortcut is pooled and projected.

    No ReLU in front, since images are not activations.
    """

    def __init__(self, out_channels: int, *, spectral_norm: bool) -> None:
        """Take the channels to make of the three colours."""
        super().__init__()
        self.conv1 = conv2d(3, out_channels, 3, spectral_norm=spectral_norm)
        self.conv2 = conv2d(out_channels, out_channels, 3, spectral_norm=spectral_norm)
        self.shortcut = conv2d(3, out_channels, 1, spectral_norm=spectral_norm)

    def forward(self, images: Tensor) -> Tensor:
        """[N, 3, H, W] -> [N, C_out, H/2, W/2]."""
        h = conv_pool(F.relu(self.conv1(images)), self.conv2)
        shortcut: Tensor = self.shortcut(F.avg_pool2d(images, 2))
        return h + shortcut


class DiscriminatorBlock(nn.Module):
    """ReLU, conv, ReLU, conv, pool; no normalisation layer.

    The first ReLU is out of place: the shortcut sees the un-activated input. Without
    downsampling the shortcut is the identity.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, downsample: bool, spectral_norm: bool
    ) -> None:
        """Take channel counts; `downsample` halves height and width."""
        super().__init__()
        self.downsample = downsample
        self.conv1 = conv2d(in_channels, out_channels, 3, spectral_norm=spectral_norm)
        self.conv2 = conv2d(out_channels, out_channels, 3, spectral_norm=spectral_norm)
        self.shortcut = (
            conv2d(in_channels, out_channels, 1, spectral_norm=spectral_norm)
            if downsample
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """[N, C_in, H, W] -> [N, C_out, H/2, W/2], or [N, C_out, H, W] without downsampling."""
        h = F.relu(self.conv1(F.relu(x)))
        if self.downsample:
            # average pooling commutes with the 1x1 convolution: a quarter of the work
            h, x = conv_pool(h, self.conv2), F.avg_pool2d(x, 2)
        else:
            h = self.conv2(h)
        shortcut: Tensor = self.shortcut(x)
        return h + shortcut
