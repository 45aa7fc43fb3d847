"""How to train; the defaults are the authors' release on ImageNet at 128 px."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from sagan.common.schema import (
    Affects,
    AffectsMeasurement,
    AffectsNothing,
    AffectsWeights,
    Config,
    DeviceName,
    Seed,
)
from sagan.network_config import ModelConfig
from sagan.training.config.augmentation import AugmentationConfig
from sagan.training.config.recipes import RECIPES, apply_recipe
from sagan.training.config.scoring import ScoringConfig
from sagan.training.config.watch import WatchConfig


class TrainingConfig(Config):
    """One training run. A step is `discriminator_steps` updates of D, then one of G."""

    RENAMED: ClassVar[dict[str, str]] = {"preset": "recipe"}

    recipe: AffectsNothing[str | None] = Field(
        None,
        description="a published configuration that overrides other parameters "
        f"(src/sagan/training/config/recipes.yml): {', '.join(RECIPES)}; null: none",
    )
    seed: AffectsWeights[Seed] = Field(
        0, description="seed of weights, data order, latents and labels"
    )
    device: AffectsNothing[DeviceName] = Field(
        "auto",
        description="auto, cpu, cuda, or one of several GPUs, such as cuda:1; auto: CUDA if "
        "available",
    )
    threads: AffectsNothing[NonNegativeInt] = Field(
        0, description="CPU threads of a process; 0: torch's choice"
    )
    precision: AffectsWeights[Literal["fp32", "bf16", "auto"]] = Field(
        "fp32",
        description="bf16: forward passes in bfloat16 (autocast), weights in float32; auto: bf16 "
        "where the device computes in it, else fp32",
    )
    compile: AffectsNothing[
        Literal["off", "default", "reduce-overhead", "max-autotune", "cuda-graph"]
    ] = Field(
        "off",
        description="mode of torch.compile for both networks, minutes at each start and faster "
        "steps on a GPU; reduce-overhead and max-autotune also replay CUDA graphs. cuda-graph, "
        "without torch.compile: replay whole updates, for a GPU that waits for its host. Results "
        "are equal to rounding",
    )
    model: AffectsWeights[ModelConfig] = ModelConfig()
    loss: AffectsWeights[Literal["hinge", "bce"]] = Field("hinge", description="adversarial loss")
    label_sampling: AffectsWeights[Literal["uniform", "data"]] = Field(
        "uniform",
        description="classes of the generated images: uniform over the classes, as the authors "
        "released it, or data, in the training images' class frequencies",
    )
    classifier_weight: AffectsWeights[NonNegativeFloat] = Field(
        1.0, description="weight of the class cross-entropy, for head classifier (AC-GAN)"
    )
    batch_size: AffectsWeights[PositiveInt] = Field(
        256, description="real images in one update, over all processes [images]"
    )
    generator_batch_size: AffectsWeights[PositiveInt | None] = Field(
        None, description="generated images in an update of G; null: batch_size [images]"
    )
    images_per_pass: AffectsWeights[PositiveInt | None] = Field(
        None,
        description="images that a process takes at once: an update is made of several passes "
        "(gradient accumulation); null: all of its share [images]",
    )
    total_images: Annotated[PositiveInt, Affects("weights", may_change=True)] = Field(
        256_000_000, description="real images shown to the discriminator in all [images]"
    )
    discriminator_steps: AffectsWeights[PositiveInt] = Field(
        1, description="updates of D per update of G"
    )
    generator_lr: AffectsWeights[PositiveFloat] = Field(
        1e-4, description="Adam's learning rate of G"
    )
    discriminator_lr: AffectsWeights[PositiveFloat] = Field(
        4e-4, description="Adam's learning rate of D (TTUR)"
    )
    lr_schedule: AffectsWeights[Literal["constant", "linear"]] = Field(
        "constant", description="linear: both rates fall to 0 at total_images"
    )
    betas: AffectsWeights[tuple[NonNegativeFloat, NonNegativeFloat]] = Field(
        (0.0, 0.999), description="of Adam"
    )
    ema_decay: AffectsWeights[float | None] = Field(
        None,
        gt=0,
        lt=1,
        description="decay per step of the averaged generator, smaller at first; null: no average",
    )
    horizontal_flip: AffectsWeights[bool] = Field(False, description="flip half of the real images")
    real_noise: AffectsWeights[NonNegativeFloat] = Field(
        0.0, description="uniform noise 0 .. real_noise on real images, whose range is -1..1"
    )
    augmentation: AffectsWeights[AugmentationConfig] = AugmentationConfig()
    standing_batches: AffectsWeights[NonNegativeInt] = Field(
        0,
        description="batches over which the exported generator's batch-norm statistics are "
        "recomputed; 0 exports the running averages",
    )
    log_every_steps: AffectsNothing[PositiveInt] = Field(
        100, description="steps between records of the journal"
    )
    tensorboard: AffectsNothing[bool] = Field(
        True, description="also write event files for TensorBoard"
    )
    trackers: AffectsNothing[tuple[Literal["mlflow", "wandb", "dvclive"], ...]] = Field(
        (), description="further experiment trackers, packages of the extra trackers"
    )
    run_name: AffectsNothing[str | None] = Field(
        None, min_length=1, description="name of the run in log, trackers, report and list of runs"
    )
    watch: AffectsNothing[WatchConfig] = WatchConfig()
    scoring: ScoringConfig = ScoringConfig()
    export: AffectsMeasurement[Literal["last", "best"]] = Field(
        "last", description="which generator the run exports: the last one, or the best by score"
    )
    export_raw: AffectsNothing[bool] = Field(
        True,
        description="keep the raw generator beside the averaged one in the bundle, which doubles "
        "its size; without an average there is only one",
    )
    checkpoint_every_images: AffectsNothing[PositiveInt] = Field(
        2_560_000, description="images between checkpoints"
    )
    keep_checkpoints: AffectsNothing[PositiveInt] = Field(
        2, description="how many of the newest checkpoints are kept"
    )
    continue_from: Annotated[str | None, Affects("weights", may_change=True)] = Field(
        None,
        description="name (or folder) of another run, whose newest checkpoint this one starts "
        "from; null: new weights",
    )
    # what is in the file is part of a run's identity, where it lies is not
    start_from: AffectsNothing[str | None] = Field(
        None,
        description="trained model whose weights this run starts from, as far as they fit, also of "
        "other images or classes: a generator bundle, a run's folder or name, or a checkpoint "
        "file; null: new weights",
    )
    freeze_discriminator_layers: AffectsWeights[NonNegativeInt] = Field(
        0,
        description="residual blocks of D, from the image on, that are not trained (FreezeD); for "
        "start_from [blocks]",
    )
    allow_changed: AffectsNothing[tuple[str, ...]] = Field(
        (), description="parameters that may differ from that run's, besides total_images"
    )
    devices: AffectsNothing[PositiveInt] = Field(
        1, description="processes on this machine, one per GPU (or on CPUs)"
    )
    nnodes: AffectsNothing[PositiveInt] = Field(
        1, description="machines; each runs the same command"
    )
    rdzv_endpoint: AffectsNothing[str | None] = Field(
        None, description="host:port of the rendezvous of several machines"
    )
    rdzv_id: AffectsNothing[str] = Field("sagan", description="name of this job at the rendezvous")
    restarts: AffectsNothing[NonNegativeInt] = Field(
        3, description="how often processes are restarted after one of them died"
    )
    collective_timeout_seconds: AffectsNothing[PositiveFloat] = Field(
        600.0, description="how long a process waits for the others in a step [s]"
    )
    sync_batch_norm: AffectsWeights[bool] = Field(
        False, description="batch statistics over all processes; false: per process"
    )

    @model_validator(mode="before")
    @classmethod
    def _apply_recipe(cls, values: Any) -> Any:  # noqa: ANN401 - raw input of any shape
        if isinstance(values, dict) and isinstance(values.get("recipe"), str):
            return apply_recipe(values, values["recipe"])
        return values

    @field_validator("compile", mode="before")
    @classmethod
    def _off_in_yaml(cls, value: object) -> object:
        return "off" if value is False else value  # what YAML makes of an unquoted off

    @model_validator(mode="after")
    def _betas_below_one(self) -> Self:
        if max(self.betas) >= 1:
            raise ValueError(f"betas must lie below 1, got {self.betas}")
        return self

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if self.continue_from is not None and self.start_from is not None:
            raise ValueError(
                "continue_from and start_from exclude each other: continue_from goes on with a run "
                "on the same images, start_from takes a model's weights for a new run"
            )
        return self

    @model_validator(mode="after")
    def _scores_can_be_had(self) -> Self:
        if self.export == "best" and not self.scoring.every_images:
            raise ValueError("export: best needs scores; set scoring.every_images [images]")
        asked = self.scoring.evaluation.weights if self.scoring.every_images else None
        if asked == "ema" and self.ema_decay is None:
            raise ValueError(
                "scoring.evaluation.weights: ema was asked for, but ema_decay is null and there is "
                "no average; set one of them"
            )
        return self

    @model_validator(mode="after")
    def _lecam_outlasts_its_warm_up(self) -> Self:
        steps = -(-self.total_images // (self.batch_size * self.discriminator_steps))
        warmup = self.augmentation.lecam_warmup_steps
        if self.augmentation.lecam_weight and warmup >= steps:
            raise ValueError(
                f"augmentation.lecam_warmup_steps {warmup} leaves LeCam's term no step of the "
                f"{steps} that total_images gives; set it lower"
            )
        return self

    @model_validator(mode="after")
    def _several_processes_are_possible(self) -> Self:
        if self.world_size > 1 and ":" in self.device:
            raise ValueError(
                f"device: {self.device} is one GPU, and devices {self.devices} x nnodes "
                f"{self.nnodes} takes the first ones of each machine: set device: cuda, and "
                "CUDA_VISIBLE_DEVICES to choose among them"
            )
        if self.world_size > 1 and self.compile == "cuda-graph":
            raise ValueError(
                "compile: cuda-graph replays the updates of one process, and there are "
                f"{self.world_size}; set compile: reduce-overhead"
            )
        return self

    @model_validator(mode="after")
    def _batches_divide(self) -> Self:
        for name, size in (
            ("batch_size", self.batch_size),
            ("generator_batch_size", self.generator_batch_size or self.batch_size),
        ):
            share, rest = divmod(size, self.world_size)
            if rest:
                raise ValueError(
                    f"{name} {size} cannot be shared evenly by {self.world_size} processes "
                    f"(devices {self.devices} x nnodes {self.nnodes})"
                )
            at_once = min(self.images_per_pass or share, share)
            if share % at_once:
                raise ValueError(
                    f"images_per_pass {at_once} does not divide the {share} images that a "
                    f"process takes of {name} {size}"
                )
        return self

    @model_validator(mode="after")
    def _machines_know_where_to_meet(self) -> Self:
        if self.nnodes > 1 and not self.rdzv_endpoint:
            raise ValueError(
                f"nnodes is {self.nnodes}: rdzv_endpoint must name the host:port where the "
                "machines meet, the same on each"
            )
        return self

    def resolved(self) -> Self:
        """The same with the precision that `auto` means on this machine's device."""
        if self.precision != "auto":
            return self
        from sagan.common.devices import computes_bf16

        return self.model_copy(
            update={"precision": "bf16" if computes_bf16(self.device) else "fp32"}
        )

    def for_image_size(self, image_size: int) -> Self:
        """The same with the networks' parameters that follow the images' side [px]."""
        return self.model_copy(update={"model": self.model.for_image_size(image_size)})

    @property
    def world_size(self) -> int:
        """Processes in all."""
        return self.devices * self.nnodes
