"""Runs of a comparison: variants times seeds, all checked before the first one starts."""

from dataclasses import dataclass

from pydantic import ValidationError

from sagan.common.schema import deep_merge, describe_faults
from sagan.comparison.config import ComparisonConfig, VariantConfig
from sagan.data.shards.store import ShardStore
from sagan.training.config import TrainingConfig
from sagan.training.config.recipes import apply_recipe


@dataclass(frozen=True)
class RunSpec:
    """One run of the comparison."""

    variant: str
    recipe: str | None
    seed: int
    training: TrainingConfig

    @property
    def name(self) -> str:
        """In messages."""
        return f"{self.variant}, seed {self.seed}"


def plan_runs(
    config: ComparisonConfig,
    training: TrainingConfig,
    shards: ShardStore,
    weights: str | None = None,
) -> list[RunSpec]:
    """All runs, seed by seed, so that an unfinished comparison has seen every variant.

    Args:
        config: variants, seeds, budget.
        training: the parameters that variants override.
        shards: the images; their size decides which networks there can be.
        weights: `ema` or `raw`, that every run must leave; None: whichever it leaves.

    Raises:
        ValueError: naming each variant that is not valid, with its faults.
    """
    configured = build_variants(
        config, training, shards.image_size, weights, image_channels=shards.image_channels
    )
    _check_runs_differ(configured, shards)
    return [
        RunSpec(one.name, one.recipe, seed, configured[one.name].model_copy(update={"seed": seed}))
        for seed in config.seeds
        for one in config.variants
    ]


def build_variants(
    config: ComparisonConfig,
    training: TrainingConfig,
    image_size: int,
    weights: str | None = None,
    *,
    image_channels: int = 3,
) -> dict[str, TrainingConfig]:
    """The training parameters of each variant by its name, but for the seed.

    Args:
        config: variants, seeds, budget.
        training: the parameters that variants override.
        image_size: side of the images, which decides which networks there can be [px].
        weights: `ema` or `raw`, that every run must leave; None: whichever it leaves.
        image_channels: of the images, which a model to start from must have too.

    Raises:
        ValueError: naming each variant that is not valid, with its faults.
    """
    from sagan.training.config.networks import network_faults

    if training.recipe is not None:
        raise ValueError(
            f"training.recipe is {training.recipe}: in a comparison each variant has its own "
            "recipe; leave training.recipe null"
        )
    faults: list[str] = []
    configured: dict[str, TrainingConfig] = {}
    for variant in config.variants:
        try:
            configured[variant.name] = _with_weights(weights, _build(variant, config, training))
            made = configured[variant.name]
            _check_processes(made, config.workers)
            frozen = made.freeze_discriminator_layers
            found = network_faults(made.model, image_size=image_size, frozen_blocks=frozen)
            faults += [f"{variant.name}: {fault}" for fault in found]
            if not found and made.start_from is not None:
                from sagan.training.store.trained_model import check_start

                check_start(made, image_size, None, image_channels=image_channels)
        except ValidationError as error:
            faults += [f"{variant.name}: {fault}" for fault in describe_faults(error)]
        except (FileNotFoundError, ValueError) as error:
            faults.append(f"{variant.name}: {error}")
    _raise_faults(faults)
    return configured


def _build(
    variant: VariantConfig, config: ComparisonConfig, training: TrainingConfig
) -> TrainingConfig:
    """The training with the recipe, then the variant's own parameters, then the common budget."""
    fixed = {"seed", "total_images", "recipe"} & variant.parameters.keys()
    if fixed:
        raise ValueError(f"parameters: the comparison sets {', '.join(sorted(fixed))} itself")
    # averaged weights are measured, and raw ones beside them would double what runs keep
    settings = training.model_dump() | {"export_raw": False}
    if variant.recipe is not None:
        settings = apply_recipe(settings, variant.recipe)
    settings = deep_merge(settings, variant.parameters)
    settings["total_images"] = config.total_images or training.total_images
    if config.score_every_images is not None:
        settings = deep_merge(settings, {"scoring": {"every_images": config.score_every_images}})
    # set after validation, which would apply the recipe again, over the variant's own parameters
    return TrainingConfig(**settings).model_copy(update={"recipe": variant.recipe})


def _with_weights(weights: str | None, training: TrainingConfig) -> TrainingConfig:
    """The training, exporting the weights that are to be measured."""
    if weights == "ema" and training.ema_decay is None:
        raise ValueError(
            "evaluation.weights: ema was asked for, but ema_decay is null; set it, or "
            "evaluation.weights to null"
        )
    return training.model_copy(update={"export_raw": True}) if weights == "raw" else training


def _check_runs_differ(configured: dict[str, TrainingConfig], shards: ShardStore) -> None:
    """Refuse variants that train alike: they would share a run's folder."""
    from sagan.training.store.identity import identity_hash, run_identity

    first: dict[str, str] = {}
    faults = []
    for name, training in configured.items():
        same = first.setdefault(identity_hash(run_identity(training, shards)), name)
        if same != name:
            faults.append(f"{name}: trains exactly as {same} does; leave one of them out")
    _raise_faults(faults)


def _raise_faults(faults: list[str]) -> None:
    if faults:
        raise ValueError("\n  ".join(["comparison.variants:", *faults]))


def _check_processes(training: TrainingConfig, workers: int) -> None:
    """Refuse distributed training where several runs train at once: each is one process."""
    if workers > 1 and training.world_size > 1:
        raise ValueError(
            f"training.devices {training.devices} x nnodes {training.nnodes}: with "
            f"comparison.workers {workers} a run is one process; set training.devices=1 and "
            "comparison.workers to the number of GPUs, or comparison.workers=1"
        )
