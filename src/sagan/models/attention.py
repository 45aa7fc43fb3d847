"""Self-attention over feature maps: the paper's module (section 3, figure 2)."""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sagan.models.ops.spectral_norm import conv2d

AttentionForm = Literal["released", "scaled", "paper"]

ATTENTION_MULTIPLE = 8  # of the channels: queries and keys have an eighth of them
SCALE_AT_START = 32.0  # of "scaled": brings logits of 0.01 to 0.04 to the order of 1


class SelfAttention2d(nn.Module):
    """y = x + gamma * out(attention), as the authors released it or as their text has it.

    Departures of the release from the paper's text: keys and values are 2x2 max-pooled, and values
    have C/2 channels instead of C/8. In both: no scaling by 1/sqrt(d), no biases, and gamma is a
    learned scalar that starts at 0, so that the module starts as the identity.

    Under spectral norm queries and keys are no longer than x, which in a new discriminator has a
    length near 1 at any width and size: logits differ by some 0.03, and the attention is uniform
    (`benchmarks.attention_logits`). "scaled" multiplies them by a learned positive factor, as the
    learned temperature of Liu et al. (Swin Transformer V2, 2022) does.
    """

    def __init__(
        self, channels: int, *, spectral_norm: bool, form: AttentionForm = "released"
    ) -> None:
        """Take C, the channels of the feature map; a multiple of 8.

        Args:
            channels: C.
            spectral_norm: normalise the four projections.
            form: "released" pools keys and values and gives values C/2 channels; "scaled" is the
                same with a learned factor of the logits; "paper" attends to every position, with
                C/8 channels throughout.
        """
        super().__init__()
        if channels % ATTENTION_MULTIPLE:
            raise ValueError(
                f"self-attention needs channels divisible by {ATTENTION_MULTIPLE}, got {channels}"
            )

        def projection(inputs: int, outputs: int) -> nn.Conv2d:
            return conv2d(inputs, outputs, 1, bias=False, spectral_norm=spectral_norm)

        paper = form == "paper"
        self.value_channels = channels // (8 if paper else 2)
        self.pool = 1 if paper else 2  # side of the cells that keys and values are pooled over
        self.query = projection(channels, channels // 8)
        self.key = projection(channels, channels // 8)
        self.value = projection(channels, self.value_channels)
        self.out = projection(self.value_channels, channels)
        self.gamma = nn.Parameter(torch.zeros(()))
        self.log_scale = (
            nn.Parameter(torch.tensor(math.log(SCALE_AT_START))) if form == "scaled" else None
        )

    def attention_map(self, x: Tensor) -> Tensor:
        """Where each position looks (paper, equation 1).

        Args:
            x: feature map [N, C, H, W], H and W even.

        Returns:
            [N, L, M], L = H*W, rows sum to 1; queries and keys are row-major. As released, keys
            are 2x2-pooled and M = L/4; in the paper's text M = L.
        """
        query = self._scaled(self.query(x)).flatten(2).transpose(1, 2)  # [N, L, C/8]
        key = self._pooled(self.key(x)).flatten(2)  # [N, C/8, M]
        return torch.softmax(query @ key, dim=-1)  # [N, L, M]

    def forward(self, x: Tensor) -> Tensor:
        """Add what each position gathers from the whole map (equations 2, 3); [N, C, H, W].

        The map itself is never stored, in neither direction: it would be the largest tensor of the
        step. So this pass is differentiable once.
        """
        n, _, h, w = x.shape
        query, key, value = (
            t.flatten(2).transpose(1, 2).unsqueeze(1)  # [N, 1, L or M, C/8 or value_channels]
            for t in (
                self._scaled(self.query(x)),
                self._pooled(self.key(x)),
                self._pooled(self.value(x)),
            )
        )
        # zeros change no product of query and key; with unequal widths the map would be stored
        missing = self.value_channels - query.shape[-1]
        query, key = F.pad(query, (0, missing)), F.pad(key, (0, missing))
        dtype = value.dtype
        if x.device.type == "cpu" and dtype == torch.bfloat16:
            # so narrow, they are faster in float32 there
            query, key, value = query.float(), key.float(), value.float()
        with torch.autocast(x.device.type, enabled=False):
            gathered = F.scaled_dot_product_attention(query, key, value, scale=1.0).to(dtype)
        gathered = gathered.squeeze(1).transpose(1, 2).view(n, self.value_channels, h, w)
        return torch.addcmul(x, self.gamma.to(x.dtype), self.out(gathered))

    def forward_with_map(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`forward`, and the attention map that it used."""
        n, _, h, w = x.shape
        attention = self.attention_map(x)
        value = self._pooled(self.value(x)).flatten(2)  # [N, C/2 or C/8, M]
        gathered = (value @ attention.transpose(1, 2)).view(n, self.value_channels, h, w)
        return x + self.gamma * self.out(gathered), attention

    def _scaled(self, query: Tensor) -> Tensor:
        return query if self.log_scale is None else query * self.log_scale.exp().to(query.dtype)

    def _pooled(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x, self.pool) if self.pool > 1 else x
