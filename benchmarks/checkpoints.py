"""What checkpoints cost: `python -m benchmarks.checkpoints`.

The share of training time that saving takes at the interval of each environment: seconds of a save
(written, flushed to disk, checked) relative to the seconds of training between two saves. For the
digits both are measured here, in turn. For imagenet128 the save is measured here, at full size, and
training is assumed to run at 2,000 images/s, as on a large GPU; with a slower one the share is
smaller. Ends with one JSON line.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor
from torch.optim import Adam

from benchmarks.counts import positive
from sagan.common.schema import deep_merge
from sagan.models.discriminator import build_discriminator
from sagan.models.generator import build_generator
from sagan.training.config import TrainingConfig
from sagan.training.core.sizes import images_per_step
from sagan.training.core.steps import discriminator_step, generator_step
from sagan.training.store.checkpoints import CheckpointStore

MARK_IMAGES_PER_SECOND = 2000


class Run:
    """Networks and optimisers of an environment, whose whole state is saved."""

    def __init__(self, environment: str, *, image_size: int, num_classes: int) -> None:
        """Build them as training does, on the CPU."""
        self.config = read_config(environment).for_image_size(image_size)
        sizes = {"image_size": image_size, "num_classes": num_classes}
        self.generator = build_generator(self.config.model.generator, **sizes)
        self.discriminator = build_discriminator(self.config.model.discriminator, **sizes)
        networks = (self.generator, self.discriminator)
        for network in networks:
            network.to(memory_format=torch.channels_last)
        self.optimizers = [Adam(n.parameters(), lr=1e-4, betas=(0.0, 0.999)) for n in networks]

    def step(self) -> None:
        """One step on drawn data."""
        n, size = self.config.batch_size, self.generator.image_size
        for _ in range(self.config.discriminator_steps):
            images = torch.rand(n, 3, size, size).contiguous(memory_format=torch.channels_last)
            discriminator_step(
                self.generator,
                self.discriminator,
                self.optimizers[1],
                images * 2 - 1,
                self._labels(n),
                *self._fakes(n),
            )
        generator_step(self.generator, self.discriminator, self.optimizers[0], *self._fakes(n))

    def state(self) -> dict[str, Any]:
        """As large as a training state: networks, an average if there is one, both optimisers."""
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    if not optimizer.state[parameter]:  # no step was made
                        moment = {"exp_avg": torch.zeros_like(parameter), "step": torch.zeros(())}
                        optimizer.state[parameter] = moment | {
                            "exp_avg_sq": torch.zeros_like(parameter)
                        }
        average = {k: v.clone() for k, v in self.generator.state_dict().items()}
        return {
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            **({} if self.config.ema_decay is None else {"ema_generator": average}),
            "generator_optimizer": self.optimizers[0].state_dict(),
            "discriminator_optimizer": self.optimizers[1].state_dict(),
        }

    @property
    def steps_between_saves(self) -> int:
        """At the environment's interval."""
        return max(1, self.config.checkpoint_every_images // images_per_step(self.config))

    def _labels(self, n: int) -> Tensor:
        return torch.randint(self.generator.num_classes, (n,))

    def _fakes(self, n: int) -> tuple[Tensor, Tensor]:
        return torch.randn(n, self.generator.latent_dim), self._labels(n)


def read_config(environment: str) -> TrainingConfig:
    """The training parameters of an environment: its own over base's, as Kedro lays them."""
    settings: dict[str, Any] = {}
    for folder in dict.fromkeys(("base", environment)):
        text = Path("conf", folder, "parameters_training.yml").read_text(encoding="utf-8")
        settings = deep_merge(settings, yaml.safe_load(text)["training"])
    return TrainingConfig(**settings)


def seconds(action: Any) -> float:  # noqa: ANN401 - a function without arguments
    """How long it takes [s]."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def measure(run: Run, folder: Path, rounds: int, *, train: bool) -> dict[str, float]:
    """Median seconds of a save and of training between two, and the state's size."""
    store = CheckpointStore(folder, keep=run.config.keep_checkpoints)
    state = run.state()
    saves, steps = [], []
    for number in range(rounds):
        saves.append(seconds(lambda number=number: store.save(state, number)))
        if train:
            steps += [seconds(run.step) for _ in range(3)]
    between = (
        statistics.median(steps) * run.steps_between_saves
        if train
        else run.steps_between_saves * images_per_step(run.config) / MARK_IMAGES_PER_SECOND
    )
    size = max(path.stat().st_size for path in folder.glob("*.pt"))
    save = statistics.median(saves)
    return {"mb": size / 1e6, "save": save, "between": between, "share": save / between}


def main() -> None:
    """Measure, print the table, then the JSON line."""
    parser = argparse.ArgumentParser(prog="benchmarks.checkpoints", description=__doc__)
    parser.add_argument("--rounds", type=positive, default=5)
    parser.add_argument(
        "--folder", type=Path, help="folder on the disk to write to; default: temporary"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = {}
    for name, size, classes, train in (("base", 16, 10, True), ("imagenet128", 128, 1000, False)):
        with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
            run = Run(name, image_size=size, num_classes=classes)
            rows[name] = measure(run, Path(temporary), options.rounds, train=train)
    print(
        f"{'environment':12} {'state MB':>9} {'save s':>8} {'training between s':>19} {'share':>8}"
    )
    for name, row in rows.items():
        print(
            f"{name:12} {row['mb']:9.1f} {row['save']:8.3f} {row['between']:19.1f} "
            f"{row['share']:8.3%}"
        )
    print(f"imagenet128: training between saves taken at {MARK_IMAGES_PER_SECOND} images/s")
    shares = {f"share_{name}": round(row["share"], 5) for name, row in rows.items()}
    print(json.dumps(shares | {"rounds": options.rounds}))


if __name__ == "__main__":
    main()
