"""How sure a classifier is of each sample, and how many classes it sees over all of them.

Salimans et al. 2016, section 4. With Inception's own logits the number is the Inception score; with
any other classifier's it is called `classifier_score`, and the two cannot be compared.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor


class LabelScore(NamedTuple):
    """Over the splits: mean and standard deviation; from 1 (bad) to the number of classes."""

    mean: float
    std: float
    splits: int


class StreamingLabelScore:
    """exp(E_x KL(p(y | x) || p(y))), a split at a time, from logits that come batch by batch.

    In place of the probabilities [N, K] each split keeps their sum and its samples' negative
    entropies: E KL = E[sum p log p] - sum q log q with q = E[p]. The released score cuts the
    samples into consecutive parts; here each run of S samples is dealt out to the S splits in
    random order, so that samples sorted by class do not give splits of few classes.
    """

    def __init__(self, splits: int = 10, seed: int = 0) -> None:
        """Start with no samples.

        Args:
            splits: S, over which mean and deviation are taken.
            seed: of the dealing.
        """
        self.splits = splits
        self.count = 0
        self._random = np.random.default_rng(seed)
        self._deck = np.zeros(0, np.int64)
        self._probabilities = torch.zeros(0)  # float64 [S, K], summed
        self._negentropies = np.zeros(splits)
        self._counts = np.zeros(splits, np.int64)

    def update(self, logits: Tensor) -> None:
        """Take in float [N, K].

        Raises:
            ValueError: if a logit is NaN or infinite.
        """
        if not bool(logits.isfinite().all()):
            raise ValueError("logits are NaN or infinite; the network or its weights are broken")
        logs = logits.detach().cpu().to(torch.float64).log_softmax(dim=1)  # [N, K]
        probabilities, dealt = logs.exp(), self._deal(len(logits))
        if self.count == 0:
            self._probabilities = torch.zeros(self.splits, logits.shape[1], dtype=torch.float64)
        self._probabilities.index_add_(0, torch.from_numpy(dealt), probabilities)
        np.add.at(self._negentropies, dealt, (probabilities * logs).sum(dim=1).numpy())
        self._counts += np.bincount(dealt, minlength=self.splits)
        self.count += len(logits)

    def result(self) -> LabelScore:
        """The score of all samples so far.

        Raises:
            ValueError: if there are fewer samples than splits.
        """
        if self.count < self.splits:
            raise ValueError(
                f"{self.splits} splits need at least as many samples, got {self.count}"
            )
        mean = self._probabilities.numpy() / self._counts[:, None]  # [S, K]
        marginal = np.where(mean > 0, mean * np.log(np.where(mean > 0, mean, 1)), 0).sum(axis=1)
        scores = np.exp(self._negentropies / self._counts - marginal)
        return LabelScore(float(scores.mean()), float(scores.std()), self.splits)

    def _deal(self, count: int) -> np.ndarray:
        """The next samples' splits, int64 [count]; the same whatever the batches."""
        while len(self._deck) < count:
            self._deck = np.concatenate([self._deck, self._random.permutation(self.splits)])
        dealt, self._deck = self._deck[:count], self._deck[count:]
        return dealt


class ModeCount:
    """Which classes a classifier sees in the samples, and how evenly."""

    def __init__(self, num_classes: int) -> None:
        """Start with no samples of K classes."""
        self._asked = np.zeros(num_classes, np.int64)
        self._seen = np.zeros(num_classes, np.int64)
        self._right = np.zeros(num_classes, np.int64)

    def update(self, predicted: Tensor, class_labels: Tensor) -> None:
        """Take in the classes recognised and those asked for, int64 [N] each."""
        classes = len(self._asked)
        said, asked = predicted.cpu().numpy(), class_labels.cpu().numpy()
        self._asked += np.bincount(asked, minlength=classes)
        self._seen += np.bincount(said, minlength=classes)
        self._right += np.bincount(asked[said == asked], minlength=classes)

    @property
    def count(self) -> int:
        """Samples so far."""
        return int(self._asked.sum())

    @property
    def right(self) -> int:
        """Samples recognised as the class asked for."""
        return int(self._right.sum())

    def result(self) -> dict[str, Any]:
        """What was seen.

        Returns:
            `recognised`: share of samples taken for the class asked for; `classes_hit`: share of
            all classes with at least one such sample; `class_entropy`: entropy of the histogram of
            classes seen / log K, 1 where all are seen equally often, 0 where only one is;
            `recognised_by_class`: share a class asked for, None where none was asked for.

        Raises:
            ValueError: if there are no samples.
        """
        if self.count == 0:
            raise ValueError("no samples: no share of them was recognised")
        shares = self._seen[self._seen > 0] / self.count
        entropy = -float((shares * np.log(shares)).sum())
        most = math.log(len(self._asked))
        by_class = [
            int(right) / int(asked) if asked else None
            for right, asked in zip(self._right, self._asked, strict=True)
        ]
        return {
            "recognised": self.right / self.count,
            "classes_hit": float((self._right > 0).mean()),
            "class_entropy": abs(entropy) / most if most else 1.0,
            "recognised_by_class": by_class,
        }
