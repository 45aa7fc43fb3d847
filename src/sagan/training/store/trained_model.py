"""Trained models that a training starts from: bundles, runs' folders, checkpoint files."""

from dataclasses import dataclass
from pathlib import Path

import torch

from sagan.bundle.description import CONFIG, WEIGHTS
from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.common.devices import without_memory
from sagan.common.files import file_sha256, json_sha256
from sagan.models.discriminator import build_discriminator
from sagan.models.generator import build_generator
from sagan.training.config import TrainingConfig
from sagan.training.core.transfer import (
    AVERAGE,
    DISCRIMINATOR,
    GENERATOR,
    TrainedWeights,
    require_fit,
)
from sagan.training.store.checkpoint_files import DamagedError, describe, load
from sagan.training.store.checkpoints import CheckpointStore
from sagan.training.store.journal import JOURNAL, Journal

STARTED_FROM = "started_from"  # event of the journal
_SAVED = "checkpoint-*.json"


@dataclass(frozen=True)
class TrainedModel:
    """A generator bundle's folder or a checkpoint's `.pt`, and the hash of its content."""

    path: Path
    sha256: str

    def load(self) -> TrainedWeights:
        """Read the weights, on the CPU; no code in the files is run.

        Raises:
            ValueError: if they are damaged, or not those of a training.
        """
        try:
            return _of_bundle(self.path) if self.path.is_dir() else _of_checkpoint(self.path)
        except (DamagedError, FileNotFoundError, ValueError) as error:
            raise ValueError(f"training.start_from: {self.path} cannot be used: {error}") from error


def find_model(given: str, runs_dir: Path | None) -> TrainedModel:
    """The model that `training.start_from` names.

    Args:
        given: path of a generator bundle, of a run's folder (its best scored checkpoint, without
            scores the newest) or of a checkpoint's `.pt`; or name of a run in `runs_dir`.
        runs_dir: folder of all runs; None: only paths are known.

    Raises:
        FileNotFoundError: if there is nothing.
        ValueError: if it is something else, or damaged.
    """
    path = Path(given)
    if runs_dir is not None and (runs_dir / given).is_dir():
        path = runs_dir / given
    if not path.exists():
        named = "" if runs_dir is None else f", nor a run of that name in {runs_dir}"
        raise FileNotFoundError(f"training.start_from: there is no path '{given}'{named}")
    if (path / CONFIG).is_file() or (path / WEIGHTS).is_file():
        return TrainedModel(path, _bundle_hash(path))
    if path.is_dir():
        path = _chosen_checkpoint(path)
    elif path.suffix != ".pt" or not path.with_suffix(".json").is_file():
        raise ValueError(
            f"training.start_from: {path} is not a checkpoint: expected a .pt file with its .json "
            "beside it"
        )
    return TrainedModel(path, file_sha256(path))


def recorded_hashes(given: str, runs_dir: Path) -> list[str]:
    """Content hashes of a model that runs with a checkpoint started from, the last used first."""
    journals = [path for path in runs_dir.glob(f"*/{JOURNAL}") if any(path.parent.glob(_SAVED))]
    return [
        str(record["start"]["sha256"])
        for journal in sorted(journals, key=lambda path: -path.stat().st_mtime)
        for record in Journal(journal).read()
        if record.get("event") == STARTED_FROM and record["start"]["given"] == given
    ]


def check_start(
    config: TrainingConfig,
    image_size: int | None,
    runs_dir: Path | None,
    *,
    image_channels: int = 3,
) -> None:
    """Check before a run that its trained model can be read and fits the networks.

    A model that is gone is none that is missing, if a run that started from it can be resumed.

    Args:
        config: of the run.
        image_size: side of the images; None: not known yet [px].
        runs_dir: folder of all runs.
        image_channels: of the images.

    Raises:
        FileNotFoundError: if there is no such model.
        ValueError: if it is not a model, is damaged, nothing of it fits, or its images have other
            channels.
    """
    given = config.start_from
    if given is None:
        return
    try:
        weights = find_model(given, runs_dir).load()
    except FileNotFoundError:
        if runs_dir is not None and recorded_hashes(given, runs_dir):
            return
        raise
    if image_size is None:
        return
    sizes = {"image_size": image_size, "image_channels": image_channels}
    sizes["num_classes"] = 1  # the rows of tables always fit
    model = config.model.for_image_size(image_size)
    with without_memory():
        generator = build_generator(model.generator, **sizes)
        discriminator = build_discriminator(model.discriminator, **sizes)
    try:
        require_fit({GENERATOR: generator, DISCRIMINATOR: discriminator}, weights)
    except ValueError as error:
        raise ValueError(f"training.start_from: {given}: {error}") from None


def _bundle_hash(path: Path) -> str:
    """Hash of the weights and of what their class tables' rows are named."""
    try:
        names = GeneratorBundle.open(path).class_names
    except ValueError as error:
        raise ValueError(f"training.start_from: {error}") from None
    return json_sha256([file_sha256(path / WEIGHTS), names])


def _chosen_checkpoint(run: Path) -> Path:
    """The best by score; the newest where there are no scores."""
    found = sorted(run.glob(_SAVED), reverse=True)
    if not found:
        raise FileNotFoundError(
            f"training.start_from: {run} is neither a generator bundle ({CONFIG}, {WEIGHTS}) nor "
            "a run's folder with checkpoints"
        )
    facts = [describe(path.with_suffix(".pt")).facts for path in found]
    metric = next((one.scored_by for one in facts if one and one.score is not None), None)
    store = CheckpointStore(run, keep=1, scored_by=metric)
    chosen = store.best() or store.newest()
    if chosen is None:
        raise ValueError(f"training.start_from: all checkpoints in {run} are damaged")
    return chosen


def _of_bundle(path: Path) -> TrainedWeights:
    bundle = GeneratorBundle.open(path)
    return TrainedWeights({GENERATOR: bundle.load().state_dict()}, bundle.class_names)


def _of_checkpoint(path: Path) -> TrainedWeights:
    state = load(describe(path))
    networks = {
        name: state[name]
        for name in (GENERATOR, DISCRIMINATOR, AVERAGE)
        if _is_weights(state.get(name))
    }
    if not {GENERATOR, DISCRIMINATOR} <= networks.keys():
        raise ValueError("it holds no generator and discriminator")
    names = state.get("class_names")
    if names is None and (path.parent / "generator" / CONFIG).is_file():
        # written by an earlier version; the run's bundle has the names
        names = GeneratorBundle.open(path.parent / "generator").class_names
    return TrainedWeights(networks, None if names is None else tuple(map(str, names)))


def _is_weights(part: object) -> bool:
    return isinstance(part, dict) and all(isinstance(t, torch.Tensor) for t in part.values())
