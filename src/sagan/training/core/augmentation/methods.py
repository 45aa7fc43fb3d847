"""Methods of augmentation: none, DiffAugment, or ADA with a probability that adapts."""

import torch
from torch import Tensor, nn

from sagan.training.config.augmentation import AugmentationConfig
from sagan.training.core.augmentation import ada, diffaugment
from sagan.training.core.inputs import Stream, draw_numbers


class Augmentation(nn.Module):
    """None, DiffAugment, or ADA with its probability, which is a part of the training state.

    Its buffers, with ADA only: `probability` []; `signs` [2], the sum and the number of the signs
    of D's logits on real images since the probability last changed, over all processes.
    """

    probability: Tensor
    signs: Tensor

    def __init__(self, config: AugmentationConfig, seed: int) -> None:
        """Begin at probability 0."""
        super().__init__()
        self.config, self._seed = config, seed
        if self.adapts:
            self.register_buffer("probability", torch.zeros(()))
            self.register_buffer("signs", torch.zeros(2))

    @property
    def adapts(self) -> bool:
        """Whether there is a probability that follows D's output."""
        return self.config.method == "ada"

    def draw(self, stream: Stream, images_seen: int, batch_size: int) -> tuple[Tensor, ...]:
        """The random numbers of a whole batch, float32 [N, numbers] on the CPU; () if off."""
        if self.config.method == "none":
            return ()
        kind = ada if self.adapts else diffaugment
        return (
            draw_numbers(
                *(self._seed, stream, images_seen),
                batch_size=batch_size,
                uniforms=kind.UNIFORMS,
                normals=kind.NORMALS,
            ),
        )

    def forward(self, images: Tensor, *draws: Tensor) -> Tensor:
        """Augment images in float32; to be called outside of autocast.

        Args:
            images: [N, C, H, W], -1..1.
            draws: of `draw`, in order, for N images in all; none leaves the images as they are.

        Returns:
            float32 [N, C, H, W], or the images themselves.
        """
        if not draws:
            return images
        images, drawn = images.float(), torch.cat(draws)
        if self.adapts:
            images = ada.augment(images, drawn, self.probability)
        else:
            images = diffaugment.augment(images, drawn, self.config.policy)
        return images.contiguous(memory_format=torch.channels_last)

    def observe(self, signs: Tensor) -> None:
        """Account for an update of D: sum and number [2] of its signs on real images."""
        self.signs += signs

    def adapt(self) -> None:
        """Move the probability: up where D's logits on real images are too often positive."""
        total, count = self.signs.unbind()
        step = (total - self.config.target * count).sign() * count / self.config.ramp_images
        self.probability.add_(step).clamp_(0, 1)
        self.signs.zero_()


def unaugmented(images: Tensor, *_draws: Tensor) -> Tensor:
    """The images as they are."""
    return images
