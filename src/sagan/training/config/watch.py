"""Configuration of the collapse monitor: interval, size of its batch, warning thresholds."""

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from sagan.common.schema import Config


class WatchConfig(Config):
    """The collapse watch. Watching does not change a run: none of this is part of its identity."""

    enabled: bool = Field(True, description="false: no checks, no warnings")
    every_steps: PositiveInt = Field(500, description="steps between checks")
    classes: PositiveInt = Field(
        8, description="classes of the fixed batch, evenly spaced over all of them [classes]"
    )
    images_per_class: int = Field(
        8, ge=2, description="generated images, and as many real ones, of each class"
    )
    patience: PositiveInt = Field(
        3, description="checks in a row with the same problem before a warning"
    )
    # handwritten digits: 0.53 and more all through a good run, 0.12 to 0.19 after a collapse
    min_diversity: NonNegativeFloat = Field(
        0.25,
        description="warn below this distance between samples of a class, relative to real images "
        "[ratio]; 0 never",
    )
    min_discriminator_loss: NonNegativeFloat = Field(
        0.05,
        description="warn below this hinge loss of D on the fixed batch, 2 where it distinguishes "
        "nothing [logits]; 0 never",
    )
    max_gamma: PositiveFloat = Field(
        10.0, description="warn above this |gamma| of an attention block"
    )
    max_attention_entropy: PositiveFloat = Field(
        0.999,
        description="warn above this entropy of a block's attention, 1 where it is uniform "
        "[ratio to log M]; 1 never",
    )
