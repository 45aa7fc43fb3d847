"""Configuration of the augmentation of the discriminator's images, and of LeCam."""

from typing import Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, model_validator

from sagan.common.schema import Config


class AugmentationConfig(Config):
    """Against a discriminator that overfits a small data set; all of it is part of the identity."""

    method: Literal["none", "diffaugment", "ada"] = Field(
        "none",
        description="what the discriminator sees in place of real and generated images; "
        "diffaugment: every image augmented (Zhao et al., 2020); ada: with a probability that "
        "follows the overfitting (Karras et al., 2020)",
    )
    policy: tuple[Literal["color", "translation", "cutout"], ...] = Field(
        ("color", "translation", "cutout"), description="transforms of diffaugment"
    )
    target: float = Field(
        0.6,
        gt=-1,
        lt=1,
        description="of ada: the mean sign of D's logits on real images that the probability "
        "is steered to",
    )
    interval: PositiveInt = Field(
        4, description="of ada: steps between changes of the probability [steps]"
    )
    ramp_images: PositiveInt = Field(
        500_000, description="of ada: images in which the probability can go from 0 to 1 [images]"
    )
    lecam_weight: NonNegativeFloat = Field(
        0.0,
        description="weight of LeCam's term in D's loss (Tseng et al., 2021), with any method; "
        "0: none",
    )
    lecam_decay: float = Field(
        0.99, ge=0, lt=1, description="decay per update of LeCam's averages of D's logits"
    )
    lecam_warmup_steps: NonNegativeInt = Field(
        1000, description="steps before LeCam's term begins to count [steps]"
    )

    @model_validator(mode="after")
    def _policy_names_transforms_once(self) -> Self:
        if not self.policy or len(set(self.policy)) < len(self.policy):
            raise ValueError(
                f"policy must name at least one transform, and each only once, got "
                f"{list(self.policy)}; for no augmentation set method: none"
            )
        return self
