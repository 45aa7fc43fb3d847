"""Heads of the discriminator: how features become a logit, and where the class comes in."""

from torch import Tensor, nn

from sagan.models.ops.spectral_norm import embedding, linear


class Head(nn.Module):
    """From features [N, C] and class labels [N] to logits [N] and class_logits [N, K] or None.

    On its own it scores the features alone: the unconditional head.
    """

    def __init__(self, features: int, num_classes: int, *, spectral_norm: bool) -> None:  # noqa: ARG002
        """Take C, K, and whether the layers are spectrally normalised."""
        super().__init__()
        self.linear = linear(features, 1, spectral_norm=spectral_norm)

    def forward(self, h: Tensor, class_labels: Tensor) -> tuple[Tensor, Tensor | None]:  # noqa: ARG002
        """Score features."""
        return self.linear(h).squeeze(1), None


class ProjectionHead(Head):
    """A linear score plus the inner product with the class's embedding (Miyato & Koyama, 2018)."""

    def __init__(self, features: int, num_classes: int, *, spectral_norm: bool) -> None:
        super().__init__(features, num_classes, spectral_norm=spectral_norm)
        self.class_embedding = embedding(num_classes, features, spectral_norm=spectral_norm)

    def forward(self, h: Tensor, class_labels: Tensor) -> tuple[Tensor, Tensor | None]:
        """Score features for their class."""
        projection = (self.class_embedding(class_labels) * h).sum(dim=1)
        return self.linear(h).squeeze(1) + projection, None


class ClassifierHead(Head):
    """A linear score, and beside it a guess at the class (AC-GAN; Odena et al., 2017)."""

    def __init__(self, features: int, num_classes: int, *, spectral_norm: bool) -> None:
        super().__init__(features, num_classes, spectral_norm=spectral_norm)
        self.classifier = linear(features, num_classes, spectral_norm=spectral_norm)

    def forward(self, h: Tensor, class_labels: Tensor) -> tuple[Tensor, Tensor | None]:  # noqa: ARG002
        """Score features and classify them; the labels are for the loss only."""
        return self.linear(h).squeeze(1), self.classifier(h)


_HEADS = {"none": Head, "projection": ProjectionHead, "classifier": ClassifierHead}


def build_head(name: str, features: int, num_classes: int, *, spectral_norm: bool) -> Head:
    """The head of a name: none, projection or classifier.

    Raises:
        ValueError: for another name.
    """
    if name not in _HEADS:
        raise ValueError(f"head must be one of {', '.join(_HEADS)}, got {name!r}")
    return _HEADS[name](features, num_classes, spectral_norm=spectral_norm)
