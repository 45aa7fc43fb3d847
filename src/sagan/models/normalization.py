"""Conditional batch normalisation of the generator."""

import torch
from torch import Tensor, nn

EPS = 1e-5


class ConditionalBatchNorm2d(nn.Module):
    """Batch norm whose gain and bias are chosen by the class (release; Dumoulin et al., 2017).

    The tables are never spectrally normalised: with a one-hot label and sigma(W) = 1 the gains'
    offset would be capped at RMS 1/sqrt(C), which throttles the conditioning.
    """

    def __init__(self, channels: int, *, num_classes: int, momentum: float) -> None:
        """Take the sizes.

        Args:
            channels: C of the feature map.
            num_classes: K, rows of the two tables.
            momentum: weight of a new batch in the running statistics.
        """
        super().__init__()
        self.normalize = nn.BatchNorm2d(channels, eps=EPS, momentum=momentum, affine=False)
        self.gain = nn.Parameter(torch.ones(num_classes, channels))
        self.bias = nn.Parameter(torch.zeros(num_classes, channels))

    def forward(self, x: Tensor, class_labels: Tensor) -> Tensor:
        """Normalise x [N, C, H, W], then scale and shift by class_labels (int64 [N])."""
        normal = self.normalize(x)  # its statistics are float32 whatever x is
        # rows in the map's own precision: float32 ones would make the whole map float32
        gain = self.gain[class_labels].to(normal.dtype)[:, :, None, None]  # [N, C, 1, 1]
        bias = self.bias[class_labels].to(normal.dtype)[:, :, None, None]
        return torch.addcmul(bias, normal, gain)
