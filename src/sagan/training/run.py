"""A whole training run: start or resume, train, record, save, export."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sagan.data.batches import Batches
from sagan.data.shards import ShardStore
from sagan.devices import choose_device
from sagan.files import replacing_file, short
from sagan.models.bundle import GeneratorBundle
from sagan.training.checkpoints import CheckpointStore
from sagan.training.config import TrainingConfig
from sagan.training.export import export_generator
from sagan.training.fingerprint import environment, identity_hash, run_identity
from sagan.training.journal import Journal, Record
from sagan.training.loop import StepRecord, training_loop
from sagan.training.progress import Progress
from sagan.training.signals import StopRequest, TrainingInterrupted, stop_requests
from sagan.training.state import TrainingState

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingResult:
    """What a finished run leaves."""

    bundle: GeneratorBundle
    journal: list[Record]
    summary: dict[str, Any]


def train(config: TrainingConfig, shards: ShardStore, workspace: Path) -> TrainingResult:
    """Train to the end of the budget, going on from the run's newest checkpoint if there is one.

    Args:
        config: the run.
        shards: the images; its `train` split is used.
        workspace: folder of all runs; this one works in `<workspace>/<identity>/`, named by its
            parameters, data and code.

    Raises:
        TrainingInterrupted: asked to stop (SIGINT, SIGTERM, SIGUSR1), after saving; status 75.
        NonFiniteError: the losses diverged; the last checkpoint stays.
    """
    device = choose_device(config.device, threads=config.threads)
    run = _Run(config, shards, workspace, device)
    run.resume()
    with stop_requests() as stop:
        run.to_the_end(stop)
    return run.result()


class _Run:
    """One run's folder and everything open in it."""

    def __init__(
        self, config: TrainingConfig, shards: ShardStore, workspace: Path, device: torch.device
    ) -> None:
        self.config, self.shards, self.device = config, shards, device
        self.identity = run_identity(config, shards)
        self.name = identity_hash(self.identity)
        self.path = workspace / self.name
        self.checkpoints = CheckpointStore(self.path, keep=config.keep_checkpoints)
        self.journal = Journal(self.path / "journal.jsonl")
        self.state = TrainingState(config, shards, device)
        self.batches = Batches(
            shards.split("train"), seed=config.seed, horizontal_flip=config.horizontal_flip
        )
        with replacing_file(self.path / "identity.json") as temporary:
            temporary.write_text(json.dumps(self.identity, indent=2) + "\n")

    def resume(self) -> None:
        """Take over the newest checkpoint, or start at 0 images."""
        saved = self.checkpoints.load_newest()
        if saved is not None:
            self.state.load_state_dict(saved)
        seen = self.state.images_seen
        if saved is None:
            logger.info("run %s starts on %s", self.name, self.device)
        elif seen < self.config.total_images:
            logger.info("run %s resumes at %s images", self.name, f"{seen:,}")
        else:
            logger.info("run %s is complete; training.seed makes another", self.name)
        logger.info("checkpoints: %s", short(self.path))
        self.journal.rewind(self.state.images_seen)

    def to_the_end(self, stop: StopRequest) -> None:
        """Train, record and save, until the budget is used or a signal asks to stop."""
        config, state = self.config, self.state
        progress = Progress(
            images_seen=state.images_seen,
            total_images=config.total_images,
            images_per_step=config.images_per_step,
        )
        interval = max(1, config.checkpoint_every_images // config.images_per_step)
        seconds, steps = 0.0, 0  # since the last record
        with progress:
            for record in training_loop(state, self.batches, config, self.device):
                seconds, steps = seconds + record.seconds, steps + 1
                step = record.images_seen // config.images_per_step
                last = record.images_seen >= config.total_images
                progress.advance(record.images_seen)
                if step % config.log_every_steps == 0 or last or step == 1:
                    progress.show(self._write_record(record, step, steps, seconds))
                    seconds, steps = 0.0, 0
                if step % interval == 0 or last or stop:
                    self.checkpoints.save(state.state_dict(), record.images_seen)
                if stop and not last:
                    self._say_interrupted(stop)
                    raise TrainingInterrupted

    def _write_record(self, record: StepRecord, step: int, steps: int, seconds: float) -> Record:
        entry = {
            "step": step,
            "images_seen": record.images_seen,
            "discriminator_loss": record.discriminator.loss.item(),
            "generator_loss": record.generator.loss.item(),
            "real_logits": record.discriminator.real_logits.item(),
            "fake_logits": record.discriminator.fake_logits.item(),
            "images_per_second": steps * self.config.images_per_step / seconds,
        } | {name: gamma.item() for name, gamma in self.state.gammas().items()}
        self.journal.append(entry)
        return entry

    def _say_interrupted(self, stop: StopRequest) -> None:
        logger.warning(
            "%s: saved at %s images; the same command goes on from there",
            stop.signal_name,
            f"{self.state.images_seen:,}",
        )

    def result(self) -> TrainingResult:
        """Export the generator and sum the run up."""
        state = self.state
        fingerprint = {"run": self.name, **environment(self.device)}
        bundle = export_generator(
            state, self.config, self.shards, self.path / "generator", {"fingerprint": fingerprint}
        )
        summary = {
            "images_seen": state.images_seen,
            "steps": state.images_seen // self.config.images_per_step,
            "train_seconds": round(state.train_seconds, 1),
            "images_per_second": round(state.images_seen / state.train_seconds, 1),
            "parameters_generator": _parameters(state.generator),
            "parameters_discriminator": _parameters(state.discriminator),
            "device": self.device.type,
            "fingerprint": fingerprint,
        }
        return TrainingResult(bundle, self.journal.read(), summary)


def _parameters(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
