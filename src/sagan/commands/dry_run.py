"""Dry runs: the configuration, and the plans of what would run, without doing anything."""

from collections.abc import Mapping
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any, cast

import yaml

from sagan.common.files import display_path
from sagan.comparison.config import ComparisonConfig
from sagan.html.format import format_duration
from sagan.metrics.config import EvaluationConfig
from sagan.metrics.named_protocols import QUICK
from sagan.network_config import ModelConfig
from sagan.training.config import TrainingConfig
from sagan.training.core.sizes import images_per_step, total_steps
from sagan.training.store.journal import JOURNAL, Journal
from sagan.training.store.resume import read_identity
from sagan.training.store.runs import format_size
from sagan.tuning.config import TuningConfig

UNKNOWN = "unknown"


def configuration(parameters: Mapping[str, Any]) -> str:
    """Parameters as YAML, by the names of their pipelines."""
    dumped = {
        name: value.model_dump(mode="json") if hasattr(value, "model_dump") else value
        for name, value in parameters.items()
    }
    return yaml.safe_dump(dumped, sort_keys=False, default_flow_style=None).rstrip()


def training_plan(
    config: TrainingConfig,
    runs: Path,
    *,
    image_size: int | None,
    num_classes: int | None,
    image_channels: int | None = 3,
) -> str:
    """What a training run will take.

    Args:
        config: The run.
        runs: Folder of earlier runs, which tell how fast training is.
        image_size: Side of the images; None: not known before preprocessing [px].
        num_classes: Number of classes; None: not known before preprocessing.
        image_channels: Channels of the images.
    """
    if image_size is not None:
        config = config.for_image_size(image_size)
    rows = {
        "attention": _attention(config.model),
        "images": f"{config.total_images:,}",
        "steps": f"{total_steps(config):,} of {images_per_step(config):,} images",
        "parameters": f"{UNKNOWN}: the number of classes is known after preprocessing",
        "disk": UNKNOWN,
        "time": f"{UNKNOWN}: no earlier run of this model in {display_path(runs)}",
    }
    if image_size is not None and num_classes is not None:
        sizes = {"image_size": image_size, "image_channels": image_channels}
        rows |= _sizes(config, sizes | {"num_classes": num_classes})
    rate = _measured_rate(config, runs, image_size)
    if rate is not None:
        time = format_duration(config.total_images / rate)
        rows["time"] = f"{time} at {rate:,.0f} images/s, as measured"
    return _listed("training", rows)


def evaluation_plan(config: EvaluationConfig) -> str:
    """What an evaluation will measure; its protocol may set parameters itself."""
    plan = config.followed()
    part = "all" if plan.reference_count is None else f"{plan.reference_count:,}"
    curve = ", ".join(map(str, plan.sweep.truncations))
    rows = {
        "protocol": config.protocol or "no named one",
        "samples": f"{plan.num_samples * plan.repeats:,}, against {part} real images of "
        f"{plan.reference_split}",
        "features": plan.features,
        "truncation": f"{curve}; {plan.sweep.num_samples:,} samples each" if curve else "no curve",
    }
    if plan.classifier is not None:
        rows["classifier"] = f"{plan.classifier.epochs} epochs, unless it was trained before"
    if config.protocol == QUICK:
        rows["protocol"] += "; evaluation.protocol=null measures in full"
    return _listed("evaluation", rows)


def comparison_plan(config: ComparisonConfig, training: TrainingConfig) -> str:
    """How many runs a comparison makes, and how many images they are shown."""
    each, short = config.total_images or training.total_images, config.search.total_images
    runs = len(config.variants) * len(config.seeds)
    searched = len(config.variants) * len(config.search.candidates)
    rows = {"runs": f"{len(config.variants)} variants, {len(config.seeds)} seeds: {runs}"}
    if searched:
        rows["search"] = f"{searched} runs of {short:,} images before"
    rows["images"] = f"{each:,} in each run, {runs * each + searched * short:,} in all"
    return _listed("comparison", rows | {"at once": f"{config.workers} runs"})


def tuning_plan(config: TuningConfig, training: TrainingConfig) -> str:
    """How many trials a study makes, and how many images they are shown at most."""
    each = int(config.training.get("total_images", training.total_images))
    pruned = "" if config.pruner is None else "; poor trials are stopped before"
    images = f"{each:,} in each trial, {config.trials * each:,} in all at most{pruned}"
    rows = {"trials": f"{config.trials:,}", "images": images}
    return _listed("tuning", rows | {"at once": f"{config.workers} trials"})


def _listed(heading: str, rows: Mapping[str, str]) -> str:
    return "\n".join([f"{heading}:", *(f"  {name:<11} {text}" for name, text in rows.items())])


def _attention(model: ModelConfig) -> str:
    """Which feature maps attention follows in each network."""
    places = {"G": model.generator.attention_resolutions}
    places["D"] = model.discriminator.attention_resolutions
    if None in places.values():
        return f"{UNKNOWN}: it follows the images' size, which is known after preprocessing"
    return ", ".join(
        f"{name} at {' and '.join(map(str, place))} px" if place else f"{name} none"
        for name, place in places.items()
    )


def _sizes(config: TrainingConfig, sizes: dict[str, Any]) -> dict[str, str]:
    """Parameters of the networks, and what checkpoints and bundle take of the disk."""
    import torch

    from sagan.common.devices import without_memory
    from sagan.data.shards.store import ShardStore
    from sagan.training.core.state import TrainingState
    from sagan.training.store.checkpoint_files import state_bytes

    with without_memory():
        shards = cast("ShardStore", SimpleNamespace(**sizes))
        state = TrainingState(config, shards, torch.device("meta"))
    networks = {"G": state.generator, "D": state.discriminator}
    counts = {name: sum(p.numel() for p in net.parameters()) for name, net in networks.items()}
    # the newest ones, the best one, and the one being written
    checkpoints = config.keep_checkpoints + bool(config.scoring.every_images) + 1
    averaged_and_raw = config.ema_decay is not None and config.export_raw
    weights = {"generator": state.generator.state_dict()}
    bundle = state_bytes(weights) * (2 if averaged_and_raw else 1)
    return {
        "parameters": ", ".join(f"{name} {count:,}" for name, count in counts.items()),
        "disk": f"{format_size(checkpoints * state_bytes(state.state_dict()))} for "
        f"{checkpoints} checkpoints, {format_size(bundle)} for the generator",
    }


def _measured_rate(config: TrainingConfig, runs: Path, image_size: int | None) -> float | None:
    """Images per second of the last run with this model and batch; None where there is none."""
    same = {"model", "batch_size", "discriminator_steps", "precision"}
    wanted = config.resolved().model_dump(mode="json", include=same)
    found = sorted(runs.glob(f"*/{JOURNAL}"), key=lambda path: path.stat().st_mtime)
    for journal in reversed(found):
        try:
            identity = read_identity(journal.parent)
        except ValueError:  # damaged
            continue
        if identity is None or image_size not in {None, identity["data"].get("image_size")}:
            continue
        parameters = identity["parameters"]
        if {name: parameters.get(name) for name in wanted} != wanted:
            continue
        records = Journal(journal).read()
        rates = [rate for record in records if (rate := record.get("images_per_second"))]
        if rates:
            return float(median(rates))
    return None
