"""Why the discriminator's attention starts uniform: `python -m benchmarks.attention_logits`.

Real images pass through freshly initialised discriminators of several widths and sizes, the
authors' release at 128 px among them, as released and with scaled logits. Printed for each: the
mean length of the features at a position, the standard deviation of the logits over the keys of a
query, and the normalised entropy of the attention (1: uniform). With spectral norm the projections
cannot lengthen a vector, so that no logit exceeds the square of the longest feature vector
(`bound`): that is what training, too, has to stay within, unless features grow.

Ends with one JSON line.
"""

import argparse
import json
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.counts import positive
from benchmarks.digits_quality import shards_path
from sagan.common.pixels import to_float
from sagan.data.shards.store import ShardStore
from sagan.models.attention import SelfAttention2d
from sagan.models.discriminator import Discriminator
from sagan.training.monitor.diagnostics import row_entropy

SETTINGS = (  # image size [px], channels after the first block, side of the attended map [px], form
    (32, 32, 16, "released"),
    (32, 64, 16, "released"),
    (32, 128, 16, "released"),
    (64, 32, 32, "released"),
    (128, 64, 32, "released"),  # the authors'
    (128, 64, 64, "released"),
    (32, 32, 16, "scaled"),
    (128, 64, 32, "scaled"),
)
SHOWN = ("length", "bound", "logits_std", "entropy")


@torch.inference_mode()
def attend(images: Tensor, channels: int, side: int, form: str, seed: int = 0) -> dict[str, float]:
    """What reaches the attention of a new discriminator, and what it makes of it.

    Args:
        images: float [N, C, H, W], -1..1.
        channels: after the first block.
        side: of the feature map that is attended [px].
        form: of the attention.
        seed: of the weights.
    """
    torch.manual_seed(seed)
    network = Discriminator(
        image_size=images.shape[-1],
        num_classes=1,
        image_channels=images.shape[1],
        base_channels=channels,
        attention_resolutions=(side,),
        attention_form=form,
    )
    maps: list[Tensor] = []
    layer = next(m for m in network.modules() if isinstance(m, SelfAttention2d))
    layer.register_forward_pre_hook(lambda _, inputs: maps.append(inputs[0]))
    network(images, torch.zeros(len(images), dtype=torch.int64))
    lengths = maps[0].norm(dim=1)
    attention = layer.attention_map(maps[0])
    scale = 1.0 if layer.log_scale is None else layer.log_scale.exp().item()
    return {
        "length": lengths.mean().item(),
        "bound": scale * lengths.max().item() ** 2,
        "logits_std": attention.log().std(dim=-1).mean().item(),  # a row's constant drops out
        "entropy": row_entropy(attention).mean().item(),
    }


def main() -> None:
    """Measure, print the table, then the JSON line."""
    parser = argparse.ArgumentParser(prog="benchmarks.attention_logits", description=__doc__)
    parser.add_argument("--data-root", type=Path, default=Path("data/cifar10"))
    parser.add_argument("--images", type=positive, default=32)
    options = parser.parse_args()
    split = ShardStore.open(shards_path(options.data_root / "05_model_input/image_shards.json"))
    train = split.split("train")
    chosen = torch.arange(options.images) * (len(train) // options.images)
    real = to_float(train.read(chosen.numpy()))
    print(
        f"{'px':>4} {'channels':>8} {'map px':>6} {'form':>9}" + "".join(f"{n:>11}" for n in SHOWN)
    )
    rows = []
    for size, channels, side, form in SETTINGS:
        images = F.interpolate(real, size=size, mode="bilinear", antialias=True)
        found = attend(images, channels, side, form)
        rows.append({"size_px": size, "channels": channels, "map_px": side, "form": form, **found})
        shown = "".join(f"{found[name]:>11.4f}" for name in SHOWN)
        print(f"{size:>4} {channels:>8} {side:>6} {form:>9}{shown}", flush=True)
    print(
        json.dumps(
            [
                {k: round(v, 5) if isinstance(v, float) else v for k, v in row.items()}
                for row in rows
            ]
        )
    )


if __name__ == "__main__":
    main()
