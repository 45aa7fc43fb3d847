"""The discriminator: from an image and a class to one logit."""

import torch.nn.functional as F
from torch import Tensor, nn

from sagan.models.blocks import (
    BlockWidth,
    DiscriminatorBlock,
    DiscriminatorStem,
    Insertion,
    check_attention,
    discriminator_channels,
    insertions,
)
from sagan.models.heads import Head, build_head
from sagan.models.ops.spectral_norm import initialize
from sagan.network_config import DiscriminatorConfig, check_image_size


class Discriminator(nn.Module):
    """SAGAN's discriminator as released, or one of the baselines it is compared with.

    Residual blocks halve the map down to 4x4; self-attention follows the feature maps asked for;
    a head scores the summed features.
    """

    def __init__(
        self,
        *,
        image_size: int,
        num_classes: int,
        image_channels: int = 3,
        base_channels: int = 64,
        head: str = "projection",
        block_width: BlockWidth = "wide",
        attention_resolutions: tuple[int, ...] = (32,),
        attention_form: Insertion = "released",
        spectral_norm: bool = True,
        conv_gain: float = 1.0,
    ) -> None:
        """Build and initialise.

        Args:
            image_size: side of the images [px].
            num_classes: K.
            image_channels: C of the images, 1 or 3.
            base_channels: channels after the first block.
            head: "projection", "classifier" or "none"; see `sagan.models.heads`.
            block_width: "wide" or "thin"; see `DiscriminatorBlock`.
            attention_resolutions: sides of the feature maps followed by attention [px].
            attention_form: "released", "scaled", "paper" or "residual"; see `insertions`.
            spectral_norm: normalise all convolutions, linear layers and embeddings.
            conv_gain: of the 3x3 kernels' start.

        Raises:
            ValueError: on a size or an attention resolution that the network cannot have.
        """
        super().__init__()
        check_image_size(image_size)
        resolutions = [2**k for k in range(image_size.bit_length() - 2, 1, -1)]  # half ... 4
        channels = {
            r: discriminator_channels(r, image_size=image_size, base_channels=base_channels)
            for r in resolutions
        }
        check_attention(attention_resolutions, channels, attention_form, "discriminator")
        inserted = insertions(
            channels,
            attention_resolutions,
            form=attention_form,
            spectral_norm=spectral_norm,
        )
        self.layers = nn.ModuleDict()
        for r in resolutions:
            self.layers[f"{r}x{r}_block"] = (
                DiscriminatorStem(image_channels, channels[r], spectral_norm=spectral_norm)
                if r == resolutions[0]
                else DiscriminatorBlock(
                    channels[2 * r],
                    channels[r],
                    downsample=True,
                    width=block_width,
                    spectral_norm=spectral_norm,
                )
            )
            if r in inserted:
                name, module = inserted[r]
                self.layers[name] = module
        features = channels[resolutions[-1]]
        self.layers["final_block"] = DiscriminatorBlock(
            features, features, downsample=False, spectral_norm=spectral_norm
        )
        self.head: Head = build_head(head, features, num_classes, spectral_norm=spectral_norm)
        initialize(self, conv_gain=conv_gain)

    def freeze(self, blocks: int) -> None:
        """Exclude the first residual blocks, from the image on, from training (FreezeD).

        Attention that follows a frozen block is frozen with it (Mo et al., 2020).

        Raises:
            ValueError: if the network has fewer blocks.
        """
        available = sum(name.endswith("_block") for name in self.layers)
        if blocks > available:
            raise ValueError(
                f"freeze_discriminator_layers: got {blocks}; at this image size the discriminator "
                f"has {available} residual blocks"
            )
        for name, layer in self.layers.items():
            blocks -= name.endswith("_block")
            if blocks < 0:
                break
            layer.requires_grad_(requires_grad=False)

    def features(self, images: Tensor) -> Tensor:
        """Images [N, C, H, W], -1..1, to the features [N, C] that the head scores."""
        x = images
        for layer in self.layers.values():
            x = layer(x)
        return F.relu(x).sum(dim=(2, 3))

    def forward(self, images: Tensor, class_labels: Tensor) -> tuple[Tensor, Tensor | None]:
        """Score images.

        Args:
            images: float [N, C, H, W], -1..1.
            class_labels: int64 [N], 0..K-1.

        Returns:
            logits [N], larger means more real; and the auxiliary classifier's class_logits
            [N, K], None with another head.
        """
        score: tuple[Tensor, Tensor | None] = self.head(self.features(images), class_labels)
        return score


def build_discriminator(
    config: DiscriminatorConfig, *, image_size: int, num_classes: int, image_channels: int = 3
) -> Discriminator:
    """The discriminator that a configuration asks for, on the CPU, freshly initialised."""
    return Discriminator(
        image_size=image_size,
        num_classes=num_classes,
        image_channels=image_channels,
        **config.for_image_size(image_size).model_dump(),
    )
