"""Trained discriminators: read from a run's newest checkpoint, or from one checkpoint."""

from pathlib import Path

from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.models.discriminator import Discriminator, build_discriminator
from sagan.network_config import DiscriminatorConfig
from sagan.training.core.transfer import DISCRIMINATOR
from sagan.training.store.checkpoint_files import DamagedError, describe, load
from sagan.training.store.checkpoints import CheckpointStore


def discriminator_of(place: str | Path | None, bundle: GeneratorBundle) -> Discriminator | None:
    """The discriminator of a training, on the CPU, in evaluation mode, without gradients.

    Args:
        place: a run's folder or a checkpoint's `.pt`; None: none.
        bundle: the generator that it is to judge.

    Raises:
        FileNotFoundError: if there is no checkpoint, as in a generator bundle.
        ValueError: if it is damaged, or of other images or classes.
    """
    if place is None:
        return None
    place = Path(place)
    found = CheckpointStore(place, keep=1).newest() if place.is_dir() else place
    if found is None or not found.is_file():
        raise FileNotFoundError(
            f"no discriminator at '{place}': expected a training run's folder with a checkpoint, "
            "or a checkpoint's .pt; a generator bundle has none"
        )
    try:
        state = load(describe(found))
        config = DiscriminatorConfig(**state["identity"]["parameters"]["model"][DISCRIMINATOR])
        weights = state[DISCRIMINATOR]
    except (DamagedError, KeyError, TypeError) as error:
        raise ValueError(f"'{found}' is not a checkpoint that can be used: {error}") from None
    network = build_discriminator(
        config,
        image_size=bundle.image_size,
        num_classes=bundle.num_classes,
        image_channels=bundle.image_channels,
    )
    try:
        network.load_state_dict(weights)
    except RuntimeError:
        raise ValueError(
            f"the discriminator of '{found}' is of other images or classes than the generator, "
            f"which makes {bundle.num_classes} classes of {bundle.image_size} px with "
            f"{bundle.image_channels} channels"
        ) from None
    return network.eval().requires_grad_(requires_grad=False)
