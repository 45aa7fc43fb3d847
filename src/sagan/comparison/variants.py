"""From contestants and seeds to runs of training, all checked before the first one starts."""

from dataclasses import dataclass

from pydantic import ValidationError

from sagan.common.schema import deep_merge, describe_faults
from sagan.comparison.config import ComparisonConfig, ContestantConfig
from sagan.data.shards.store import ShardStore
from sagan.training.config import TrainingConfig
from sagan.training.config.recipes import apply_recipe


@dataclass(frozen=True)
class Entry:
    """One run of the comparison."""

    contestant: str
    recipe: str | None
    seed: int
    training: TrainingConfig

    @property
    def name(self) -> str:
        """As it is told."""
        return f"{self.contestant}, seed {self.seed}"


def entries(
    config: ComparisonConfig,
    training: TrainingConfig,
    shards: ShardStore,
    weights: str | None = None,
) -> list[Entry]:
    """All runs, seed by seed, so that an unfinished comparison has seen every contestant.

    Args:
        config: contestants, seeds, budget.
        training: what contestants are laid over.
        shards: the images; their size decides which networks there can be.
        weights: `ema` or `raw`, that every run must leave; None: whichever it leaves.

    Raises:
        ValueError: naming each contestant that is not valid, with its faults.
    """
    configured = laid_contestants(config, training, shards.image_size, weights)
    _check_runs_differ(configured, shards)
    return [
        Entry(one.name, one.recipe, seed, configured[one.name].model_copy(update={"seed": seed}))
        for seed in config.seeds
        for one in config.contestants
    ]


def laid_contestants(
    config: ComparisonConfig,
    training: TrainingConfig,
    image_size: int,
    weights: str | None = None,
) -> dict[str, TrainingConfig]:
    """The training of each contestant by its name, but for the seed.

    Args:
        config: contestants, seeds, budget.
        training: what contestants are laid over.
        image_size: side of the images, which decides which networks there can be [px].
        weights: `ema` or `raw`, that every run must leave; None: whichever it leaves.

    Raises:
        ValueError: naming each contestant that is not valid, with its faults.
    """
    if training.recipe is not None:
        raise ValueError(
            f"training.recipe is {training.recipe}: in a comparison each contestant has its own "
            "recipe; leave training.recipe null"
        )
    faults: list[str] = []
    configured: dict[str, TrainingConfig] = {}
    for contestant in config.contestants:
        try:
            configured[contestant.name] = _leaving(weights, _lay(contestant, config, training))
            _check_processes(configured[contestant.name], config.workers)
            faults += [
                f"{contestant.name}: {fault}"
                for fault in _network_faults(configured[contestant.name], image_size)
            ]
        except ValidationError as error:
            faults += [f"{contestant.name}: {fault}" for fault in describe_faults(error)]
        except ValueError as error:
            faults.append(f"{contestant.name}: {error}")
    _raise(faults)
    return configured


def _lay(
    contestant: ContestantConfig, config: ComparisonConfig, training: TrainingConfig
) -> TrainingConfig:
    """Training with the recipe, then the contestant's own parameters, then the common budget."""
    fixed = {"seed", "total_images", "recipe"} & contestant.parameters.keys()
    if fixed:
        raise ValueError(f"parameters: the comparison sets {', '.join(sorted(fixed))} itself")
    # averaged weights are measured, and raw ones beside them would double what runs keep
    settings = training.model_dump() | {"export_raw": False}
    if contestant.recipe is not None:
        settings = apply_recipe(settings, contestant.recipe)
    settings = deep_merge(settings, contestant.parameters)
    settings["total_images"] = config.total_images or training.total_images
    if config.score_every_images is not None:
        settings = deep_merge(settings, {"scoring": {"every_images": config.score_every_images}})
    # laid already: the model would lay it once more, over the contestant's own parameters
    return TrainingConfig(**settings).model_copy(update={"recipe": contestant.recipe})


def _leaving(weights: str | None, training: TrainingConfig) -> TrainingConfig:
    """The training whose generator bundle has the weights that are to be measured."""
    if weights == "ema" and training.ema_decay is None:
        raise ValueError(
            "evaluation.weights: ema was asked for, but ema_decay is null; set it, or "
            "evaluation.weights to null"
        )
    return training.model_copy(update={"export_raw": True}) if weights == "raw" else training


def _check_runs_differ(configured: dict[str, TrainingConfig], shards: ShardStore) -> None:
    """Contestants of one training would share a run's folder, and so its generator."""
    from sagan.training.store.identity import identity_hash, run_identity

    first: dict[str, str] = {}
    faults = []
    for name, training in configured.items():
        same = first.setdefault(identity_hash(run_identity(training, shards)), name)
        if same != name:
            faults.append(f"{name}: trains exactly as {same} does; leave one of them out")
    _raise(faults)


def _raise(faults: list[str]) -> None:
    if faults:
        raise ValueError("\n  ".join(["comparison.contestants:", *faults]))


def _check_processes(training: TrainingConfig, workers: int) -> None:
    """Runs that go on at once are a process each."""
    if workers > 1 and training.world_size > 1:
        raise ValueError(
            f"training.devices {training.devices} x nnodes {training.nnodes}: with "
            f"comparison.workers {workers} a run is one process; set training.devices=1 and "
            "comparison.workers to the number of GPUs, or comparison.workers=1"
        )


def _network_faults(training: TrainingConfig, image_size: int) -> list[str]:
    from sagan.training.config.networks import network_faults

    return network_faults(training.model, image_size=image_size)
