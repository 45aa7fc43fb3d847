"""A small classifier trained on the data: features for images unlike those Inception knows.

Its distance is called `fd_classifier`, never FID, and its numbers compare only with numbers of the
same classifier on the same data. It also measures which share of samples shows its class.
"""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from sagan.common.devices import float32_inference, random_states_kept
from sagan.common.files import file_sha256, json_sha256, replacing_file, source_hash
from sagan.common.pixels import to_float, with_channels
from sagan.metrics.config import ClassifierConfig
from sagan.metrics.features.fitting import (
    HELD_OUT,
    LabelledImages,
    TrainingImages,
    accuracy,
    fit,
    train_and_val,
)
from sagan.metrics.features.rotation import TURNS, RotatedImages

logger = logging.getLogger(__name__)

LAST_MAP_PX = 4
WIDEST = 8  # channels stop doubling at this multiple of the first stage's
WEAK_GAIN = 0.25  # of the way from chance to a perfect classifier; below it there is a warning
# part of the cache key; hashed at import, since files may be edited during a training run
CODE = source_hash(
    "common/pixels.py",
    *(f"metrics/features/{name}.py" for name in ("classifier", "fitting", "rotation")),
)
CLASSES, ROTATIONS = "classes", "rotations"
"""What a network is trained to tell: the class, or by how many quarters the image was turned."""
_told: set[Path] = set()  # cached networks that the log has named
_KINDS = {CLASSES: "classifier", ROTATIONS: "rotation"}  # in the names of cache files


class Classifier(nn.Module):
    """Convolutions that halve the feature map down to 4x4, a feature layer, a linear head."""

    def __init__(self, images: TrainingImages, config: ClassifierConfig, num_classes: int) -> None:
        """Build for these images and K classes; the weights are random."""
        super().__init__()
        self.image_size, self.image_channels = images.image_size, images.image_channels
        stages: list[nn.Module] = []
        inputs, size, width = self.image_channels, self.image_size, 1
        while size > LAST_MAP_PX:
            outputs = config.base_channels * width
            stages += [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)]
            stages += [nn.BatchNorm2d(outputs), nn.ReLU(), nn.AvgPool2d(2)]
            inputs, size, width = outputs, size // 2, min(2 * width, WIDEST)
        self.stages = nn.Sequential(*stages)
        self.feature = nn.Linear(inputs * size * size, config.feature_dim)
        self.head = nn.Linear(config.feature_dim, num_classes)

    def features(self, images: Tensor) -> Tensor:
        """Float [N, C, H, W] in -1..1 -> float [N, D], the penultimate layer's output."""
        return F.relu(self.feature(self.stages(images).flatten(1)))

    def forward(self, images: Tensor) -> Tensor:
        """Float [N, C, H, W] in -1..1 -> logits float [N, K]."""
        logits: Tensor = self.head(self.features(images))
        return logits


@dataclass(frozen=True)
class TrainedClassifier:
    """A classifier in evaluation mode, with its facts."""

    network: Classifier
    device: torch.device
    facts: dict[str, Any]  # val_accuracy, val_balanced_accuracy, val_images, weights_sha256, ...

    @torch.inference_mode()
    def predict(self, images: Tensor) -> Tensor:
        """uint8 [N, C, H, W] -> the most likely label, int64 [N] on the CPU."""
        logits: Tensor = self.network(self.inputs(images))
        return logits.argmax(dim=1).cpu()

    def inputs(self, images: Tensor) -> Tensor:
        """uint8 [N, C, H, W] -> float [N, 1 or 3, H, W], as the network was trained."""
        return to_float(with_channels(images.to(self.device), self.network.image_channels))


class ClassifierFeatures:
    """The penultimate layer of a trained classifier."""

    code = CODE
    """Hash of the source files that compute them, part of the cache key."""
    metric = "fd_classifier"
    """Key of the Fréchet distance in the metrics file."""
    kernel_metric = "kd_classifier"
    """Key of the kernel distance."""
    label_score: str | None = "classifier_score"
    """Key of the score computed from the logits; None: there is none."""
    network = "small classifier trained on the data, penultimate layer"
    """What the protocol calls it."""

    def __init__(self, classifier: TrainedClassifier) -> None:
        """Use this classifier."""
        self.classifier = classifier

    @property
    def protocol(self) -> dict[str, Any]:
        """Description of these features."""
        return {
            "network": self.network,
            "dimensions": self.classifier.network.feature.out_features,
            "resizer": "none",
            "input": "uint8 / 127.5 - 1",
            "weights_sha256": self.classifier.facts["weights_sha256"],
        }

    @float32_inference()
    def logits(self, features: Tensor) -> Tensor:
        """float32 [N, D], from `__call__` -> float32 [N, K]."""
        logits: Tensor = self.classifier.network.head(features)
        return logits

    @float32_inference()
    def __call__(self, images: Tensor) -> Tensor:
        """uint8 [N, C, H, W] -> float32 [N, D] on the classifier's device."""
        return self.classifier.network.features(self.classifier.inputs(images))


class RotationFeatures(ClassifierFeatures):
    """The penultimate layer of a network that predicts rotations: learnt without class labels."""

    metric = "fd_rotation"
    kernel_metric = "kd_rotation"
    label_score = None
    network = "small network trained on the data to predict rotations, penultimate layer"


def obtain_classifier(
    shards: TrainingImages,
    config: ClassifierConfig,
    workspace: Path,
    device: torch.device,
    *,
    targets: str = CLASSES,
) -> TrainedClassifier:
    """The classifier of these shards and this configuration, cached or newly trained.

    Args:
        shards: trained on `train`, validated on `val` or on every tenth training image.
        config: size and training.
        workspace: folder of cached classifiers.
        device: of training and prediction.
        targets: what it is trained to tell, CLASSES or ROTATIONS.

    Raises:
        ValueError: if the shards have no train split.
    """
    identity = {"shards": shards.key, "config": config.model_dump(mode="json"), "code": CODE}
    path = workspace / f"{_KINDS[targets]}-{json_sha256(identity)[:16]}.safetensors"
    classes = TURNS if targets == ROTATIONS else shards.num_classes
    network = untrained_classifier(shards, config, classes)
    facts = _load(network, path)
    if facts is not None:
        _log_read(path, targets)
    else:
        facts = _train(network.to(device), shards, config, device, targets)
        logger.info("predicted %s of real validation images: %s", targets, describe_accuracy(facts))
        metadata = {"facts": json.dumps(facts)}
        state = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
        with replacing_file(path) as temporary:
            temporary.write_bytes(save(state, metadata=metadata))
        with replacing_file(_checksum_path(path)) as temporary:
            temporary.write_text(file_sha256(path) + "\n")
    network.to(device).eval().requires_grad_(requires_grad=False)
    return TrainedClassifier(network, device, facts | {"weights_sha256": file_sha256(path)})


def _log_read(path: Path, targets: str) -> None:
    """Say so once, however many parts of an evaluation need it."""
    if path not in _told and logger.isEnabledFor(logging.INFO):  # scores log warnings only
        _told.add(path)
        logger.info("the network that predicts %s was trained before", targets)


def weak_classifier_warnings(classifier: TrainedClassifier) -> list[str]:
    """A warning if the network has not learned to distinguish its targets."""
    facts, chance = classifier.facts, 1 / classifier.network.head.out_features
    if (facts["val_balanced_accuracy"] - chance) / (1 - chance) >= WEAK_GAIN:
        return []
    return [
        f"the classifier predicts the {facts['targets']} of {facts['val_images']:,} real "
        f"validation images little better than chance: {describe_accuracy(facts)} (chance: "
        f"{chance:.0%}): all numbers by it and in its features are unreliable; more images, or "
        "more epochs of evaluation.classifier, may help"
    ]


def describe_accuracy(facts: dict[str, Any]) -> str:
    """Accuracy in words, beside what a network reaches that always says the commonest class."""
    return (
        f"balanced accuracy {facts['val_balanced_accuracy']:.1%}, accuracy "
        f"{facts['val_accuracy']:.1%} (the largest class alone: {facts['val_largest_class']:.1%})"
    )


def untrained_classifier(
    shards: TrainingImages, config: ClassifierConfig, num_classes: int
) -> Classifier:
    """A classifier initialised from its own seed; the global random state is unchanged."""
    with random_states_kept():
        torch.manual_seed(config.seed)
        return Classifier(shards, config, num_classes)


def _checksum_path(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _load(network: Classifier, path: Path) -> dict[str, Any] | None:
    """Load cached weights and return their facts; None if there are no valid ones."""
    checksum = _checksum_path(path)
    if not (path.is_file() and checksum.is_file()):
        return None
    try:
        if checksum.read_text().strip() != file_sha256(path):
            raise ValueError("its checksum does not match")
        with safe_open(path, framework="pt") as file:
            network.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
            facts: dict[str, Any] = json.loads(file.metadata()["facts"])
    except (SafetensorError, RuntimeError, ValueError) as error:
        logger.warning("the cached classifier %s is damaged (%s): training it again", path, error)
        return None
    return facts


def _train(
    network: Classifier,
    shards: TrainingImages,
    config: ClassifierConfig,
    device: torch.device,
    targets: str,
) -> dict[str, Any]:
    """Train in place and return the facts."""
    train, train_indices, val, val_indices = train_and_val(shards)

    def seen(images: LabelledImages, indices: np.ndarray) -> tuple[LabelledImages, np.ndarray]:
        if targets == CLASSES:
            return images, indices
        return RotatedImages(images), RotatedImages.indices(indices)

    fit(network, *seen(train, train_indices), config, device)
    reached = accuracy(network, *seen(val, val_indices), config.batch_size, device)
    return {
        "targets": targets,
        "val_accuracy": reached.share,
        "val_balanced_accuracy": reached.balanced,
        "val_largest_class": reached.largest_class,
        "val_images": len(val_indices),
        "val_split": "val" if "val" in shards.splits else f"every {HELD_OUT}th of train, held out",
        "train_images": len(train_indices),
    }
