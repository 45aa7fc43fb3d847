"""How to train; the defaults are the authors' release on ImageNet at 128 px."""

from typing import Literal, Self

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from sagan.models.config import ModelConfig
from sagan.schema import Config


class TrainingConfig(Config):
    """One training run. A step is `discriminator_steps` updates of D, then one of G."""

    seed: NonNegativeInt = Field(0, description="of weights, data order, latents and labels")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: CUDA if it is there")
    threads: NonNegativeInt = Field(0, description="CPU threads; 0 leaves it to torch")
    model: ModelConfig = ModelConfig()
    batch_size: PositiveInt = Field(256, description="real images in one update [images]")
    total_images: PositiveInt = Field(
        256_000_000, description="real images shown to the discriminator in all [images]"
    )
    discriminator_steps: PositiveInt = Field(1, description="updates of D for one of G")
    generator_lr: PositiveFloat = Field(1e-4, description="Adam's learning rate of G")
    discriminator_lr: PositiveFloat = Field(4e-4, description="Adam's learning rate of D (TTUR)")
    betas: tuple[NonNegativeFloat, NonNegativeFloat] = Field((0.0, 0.999), description="Adam's")
    ema_decay: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="of the averaged generator, for each step, smaller at first; null: none",
    )
    horizontal_flip: bool = Field(False, description="mirror half of the real images")
    standing_batches: NonNegativeInt = Field(
        0,
        description="batches over which the exported generator's batch-norm statistics are taken "
        "afresh; 0 exports the running averages",
    )
    log_every_steps: PositiveInt = Field(100, description="between records of the journal [steps]")
    checkpoint_every_images: PositiveInt = Field(
        2_560_000, description="between checkpoints [images]"
    )
    keep_checkpoints: PositiveInt = Field(2, description="newest checkpoints kept [count]")

    @model_validator(mode="after")
    def _betas_below_one(self) -> Self:
        if max(self.betas) >= 1:
            raise ValueError(f"betas must lie below 1, got {self.betas}")
        return self

    @property
    def images_per_step(self) -> int:
        """Real images that one step reads [images]."""
        return self.batch_size * self.discriminator_steps

    @property
    def total_steps(self) -> int:
        """Steps until `total_images` are seen, the last one whole [steps]."""
        return -(-self.total_images // self.images_per_step)
