"""Self-attention over feature maps: the paper's module (section 3, figure 2)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sagan.models.spectral_norm import conv2d


class SelfAttention2d(nn.Module):
    """y = x + gamma * out(attention), as the authors released it.

    Departures of the release from the paper's text, followed here: keys and values are 2x2
    max-pooled, values have C/2 channels and an output convolution. No scaling by 1/sqrt(d), no
    biases. gamma is a learned scalar that starts at 0, so that the module starts as the identity.
    """

    def __init__(self, channels: int, *, spectral_norm: bool) -> None:
        """Take C, the channels of the feature map; a multiple of 8."""
        super().__init__()
        if channels % 8:
            raise ValueError(f"self-attention needs channels divisible by 8, got {channels}")

        def projection(inputs: int, outputs: int) -> nn.Conv2d:
            return conv2d(inputs, outputs, 1, bias=False, spectral_norm=spectral_norm)

        self.query = projection(channels, channels // 8)
        self.key = projection(channels, channels // 8)
        self.value = projection(channels, channels // 2)
        self.out = projection(channels // 2, channels)
        self.gamma = nn.Parameter(torch.zeros(()))

    def attention_map(self, x: Tensor) -> Tensor:
        """Where each position looks (paper, equation 1).

        Args:
            x: feature map [N, C, H, W], H and W even.

        Returns:
            [N, L, L/4], L = H*W, rows sum to 1; queries and (2x2-pooled) keys are row-major.
        """
        query = self.query(x).flatten(2).transpose(1, 2)  # [N, L, C/8]
        key = F.max_pool2d(self.key(x), 2).flatten(2)  # [N, C/8, L/4]
        return torch.softmax(query @ key, dim=-1)  # [N, L, L/4]

    def forward(self, x: Tensor) -> Tensor:
        """Add what each position gathers from the whole map (equations 2, 3); [N, C, H, W]."""
        return self.forward_with_map(x)[0]

    def forward_with_map(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`forward`, and the attention map that it used."""
        n, c, h, w = x.shape
        attention = self.attention_map(x)
        value = F.max_pool2d(self.value(x), 2).flatten(2)  # [N, C/2, L/4]
        gathered = (value @ attention.transpose(1, 2)).view(n, c // 2, h, w)
        return x + self.gamma * self.out(gathered), attention
