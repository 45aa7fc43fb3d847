"""A residual network trained on real photographs only, to judge samples independently of a run.

The classifier of a run's own scores chooses checkpoints and settings, so that a run can be good at
pleasing it. This one has another architecture, sees flips and shifted crops, and takes no part in
any run. It is trained once for a data set, which takes minutes, and kept beside it.
"""

import hashlib
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sagan.common.pixels import to_float
from sagan.common.progress import progress_bar
from sagan.data.shards.store import ShardSplit, ShardStore
from sagan.metrics.features.fitting import accuracy_of

STEPS = 3900  # 10 epochs of CIFAR-10 (6 reached 79.2%); fewer images are seen more often
BATCH_SIZE = 128
PEAK_LR = 0.02  # of SGD with momentum, one cycle
WEIGHT_DECAY = 5e-4
SHIFT_PX = 4  # of random crops
CHANNELS = 24


class ResidualBlock(nn.Module):
    """x + two convolutions with batch norm."""

    def __init__(self, channels: int) -> None:
        """Take the channels of the map, which stays as it is."""
        super().__init__()
        self.first, self.second = convolution(channels, channels), convolution(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, C, H, W]."""
        made: Tensor = x + self.second(self.first(x))
        return made


def convolution(inputs: int, outputs: int) -> nn.Sequential:
    """3x3, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class ResidualNetwork(nn.Module):
    """Halves the map down to 8x8 with residual blocks, pools to 4C features, a linear head."""

    def __init__(self, num_classes: int, channels: int) -> None:
        """Build for K classes; `channels` of the first map."""
        super().__init__()
        self.body = nn.Sequential(
            convolution(3, channels),
            nn.MaxPool2d(2),
            convolution(channels, 2 * channels),
            ResidualBlock(2 * channels),
            nn.MaxPool2d(2),
            convolution(2 * channels, 4 * channels),
            ResidualBlock(4 * channels),
        )
        self.head = nn.Linear(4 * channels, num_classes)

    def features(self, images: Tensor) -> Tensor:
        """Float [N, 3, H, W] in -1..1 -> [N, D]: the mean of each channel, before the head."""
        return self.body(images).mean(dim=(2, 3))

    def forward(self, images: Tensor) -> Tensor:
        """Float [N, 3, H, W] in -1..1 -> logits [N, K]."""
        logits: Tensor = self.head(self.features(images))
        return logits

    @torch.inference_mode()
    def judge(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 [N, 3, H, W] -> features float32 [N, D] and labels int64 [N]."""
        features = [self.features(to_float(part)) for part in images.split(500)]
        return torch.cat(features), self.head(torch.cat(features)).argmax(1)


def independent_classifier(
    shards: ShardStore, folder: Path, *, steps: int | None = None
) -> tuple[ResidualNetwork, float]:
    """The classifier of these images and its balanced accuracy on the real `val` split, 0..1.

    Args:
        shards: trained on `train`; `val` is looked at only to measure.
        folder: where it is kept.
        steps: updates, rounded up to whole epochs; None: `STEPS`.
    """
    steps = steps or STEPS
    code = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    key = hashlib.sha256(f"{shards.key} {code} {steps}".encode()).hexdigest()[:16]
    weights, facts = folder / f"independent-{key}.safetensors", folder / f"independent-{key}.json"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = ResidualNetwork(shards.num_classes, CHANNELS).to(
            memory_format=torch.channels_last
        )
        if not facts.is_file():
            started = time.perf_counter()
            train(network, shards.split("train"), steps)
            folder.mkdir(parents=True, exist_ok=True)
            save_file({k: v.contiguous() for k, v in network.state_dict().items()}, weights)
            accuracy = accuracy_on(network.eval(), shards.split("val"))
            seconds = round(time.perf_counter() - started, 1)
            facts.write_text(
                json.dumps({"val_balanced_accuracy": accuracy, "seconds": seconds}) + "\n"
            )
    network.load_state_dict(load_file(weights))
    return network.eval(), float(json.loads(facts.read_text())["val_balanced_accuracy"])


def train(network: ResidualNetwork, images: ShardSplit, least_steps: int) -> None:
    """Train on flipped and shifted images of a split, in float32 on every machine."""
    order = np.random.default_rng(0)
    parameters = network.parameters()
    optimizer = torch.optim.SGD(parameters, lr=PEAK_LR, momentum=0.9, weight_decay=WEIGHT_DECAY)
    size = min(BATCH_SIZE, len(images))
    an_epoch = len(images) // size
    epochs = math.ceil(least_steps / an_epoch)
    steps = epochs * an_epoch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_LR, total_steps=steps)
    labels = torch.from_numpy(images.labels)
    network.train()
    with progress_bar("independent classifier", steps, "steps") as bar:
        for _ in range(epochs):
            shuffled = order.permutation(len(images))[: an_epoch * size]
            for indices in np.split(shuffled, an_epoch):
                batch = changed(to_float(images.read(indices)))
                logits = network(batch.contiguous(memory_format=torch.channels_last))
                loss = F.cross_entropy(logits, labels[torch.from_numpy(indices)])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                bar.update()


def changed(images: Tensor) -> Tensor:
    """Float [N, 3, H, W], half of them flipped, all cropped at a random place; same size."""
    n, _, height, width = images.shape
    flip = torch.rand(n, 1, 1, 1) < 0.5
    padded = F.pad(torch.where(flip, images.flip(3), images), (SHIFT_PX,) * 4, mode="reflect")
    y = torch.randint(2 * SHIFT_PX + 1, (n, 1, 1)) + torch.arange(height)[:, None]
    x = torch.randint(2 * SHIFT_PX + 1, (n, 1, 1)) + torch.arange(width)
    return padded.permute(0, 2, 3, 1)[torch.arange(n)[:, None, None], y, x].permute(0, 3, 1, 2)


def accuracy_on(network: ResidualNetwork, images: ShardSplit) -> float:
    """Share of a split's images whose class is recognised, mean over the classes."""
    _, found = network.judge(images.read(np.arange(len(images))))
    return accuracy_of(found.numpy() == images.labels, images.labels).balanced
