"""The discriminator: from an image and a class to one logit."""

import torch.nn.functional as F
from torch import Tensor, nn

from sagan.models.attention import SelfAttention2d
from sagan.models.blocks import (
    DiscriminatorBlock,
    DiscriminatorStem,
    check_attention,
    check_image_size,
    discriminator_channels,
)
from sagan.models.config import DiscriminatorConfig
from sagan.models.spectral_norm import embedding, initialize, linear


class Discriminator(nn.Module):
    """SAGAN's discriminator as released: wide residual blocks and a projection head.

    The head is Miyato & Koyama's (2018): a linear score of the summed features plus their inner
    product with the class's embedding.
    """

    def __init__(
        self,
        *,
        image_size: int,
        num_classes: int,
        base_channels: int = 64,
        attention_resolutions: tuple[int, ...] = (32,),
        spectral_norm: bool = True,
    ) -> None:
        """Build and initialise.

        Args:
            image_size: side of the images [px].
            num_classes: K.
            base_channels: channels after the first block.
            attention_resolutions: sides of the feature maps followed by attention [px].
            spectral_norm: normalise all convolutions, linear layers and embeddings.

        Raises:
            ValueError: on a size or an attention resolution that the network cannot have.
        """
        super().__init__()
        check_image_size(image_size)
        resolutions = [2**k for k in range(image_size.bit_length() - 2, 1, -1)]  # half ... 4
        check_attention(attention_resolutions, resolutions, "discriminator")
        channels = {
            r: discriminator_channels(r, image_size=image_size, base_channels=base_channels)
            for r in resolutions
        }
        norm = {"spectral_norm": spectral_norm}
        self.layers = nn.ModuleDict()
        for r in resolutions:
            self.layers[f"{r}x{r}_block"] = (
                DiscriminatorStem(channels[r], **norm)
                if r == resolutions[0]
                else DiscriminatorBlock(channels[2 * r], channels[r], downsample=True, **norm)
            )
            if r in attention_resolutions:
                self.layers[f"{r}x{r}_attention"] = SelfAttention2d(channels[r], **norm)
        features = channels[resolutions[-1]]
        final_block = DiscriminatorBlock(features, features, downsample=False, **norm)
        self.layers["final_block"] = final_block
        self.linear = linear(features, 1, **norm)
        self.class_embedding = embedding(num_classes, features, **norm)
        initialize(self)

    def features(self, images: Tensor) -> Tensor:
        """Images [N, 3, H, W], -1..1, to the features [N, C] that the head scores."""
        x = images
        for layer in self.layers.values():
            x = layer(x)
        return F.relu(x).sum(dim=(2, 3))

    def forward(self, images: Tensor, class_labels: Tensor) -> Tensor:
        """Score images.

        Args:
            images: float [N, 3, H, W], -1..1.
            class_labels: int64 [N], 0..K-1.

        Returns:
            logits [N]; larger means more real.
        """
        h = self.features(images)
        projection = (self.class_embedding(class_labels) * h).sum(dim=1)
        logits: Tensor = self.linear(h).squeeze(1) + projection
        return logits


def build_discriminator(
    config: DiscriminatorConfig, *, image_size: int, num_classes: int
) -> Discriminator:
    """The discriminator that a configuration asks for, on the CPU, freshly initialised."""
    return Discriminator(image_size=image_size, num_classes=num_classes, **config.model_dump())
