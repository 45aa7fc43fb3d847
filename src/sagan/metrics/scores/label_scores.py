"""Inception score of any classifier's logits, class accuracy and class coverage.

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
    samples into consecutive parts; here each S consecutive samples are assigned to the S splits
    in random order, so that samples sorted by class do not give splits of few classes.
    """

    def __init__(self, splits: int = 10, seed: int = 0) -> None:
        """Start with no samples; mean and deviation are taken over `splits`."""
        self.splits = splits
        self.count = 0
        self._random = np.random.default_rng(seed)
        self._pending = np.zeros(0, np.int64)
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
        probabilities, assigned = logs.exp(), self._assign(len(logits))
        if self.count == 0:
            self._probabilities = torch.zeros(self.splits, logits.shape[1], dtype=torch.float64)
        self._probabilities.index_add_(0, torch.from_numpy(assigned), probabilities)
        np.add.at(self._negentropies, assigned, (probabilities * logs).sum(dim=1).numpy())
        self._counts += np.bincount(assigned, minlength=self.splits)
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

    def _assign(self, count: int) -> np.ndarray:
        """Splits of the next samples, int64 [count], independent of the batch size."""
        while len(self._pending) < count:
            self._pending = np.concatenate([self._pending, self._random.permutation(self.splits)])
        assigned, self._pending = self._pending[:count], self._pending[count:]
        return assigned


class ClassCoverage:
    """Class accuracy, class coverage and class entropy of the samples, by a classifier."""

    def __init__(self, num_classes: int) -> None:
        """Start with no samples of K classes."""
        self._requested = np.zeros(num_classes, np.int64)
        self._predicted = np.zeros(num_classes, np.int64)
        self._correct = np.zeros(num_classes, np.int64)

    def update(self, predicted: Tensor, class_labels: Tensor) -> None:
        """Take in predicted and requested classes, int64 [N] each."""
        classes = len(self._requested)
        found, requested = predicted.cpu().numpy(), class_labels.cpu().numpy()
        self._requested += np.bincount(requested, minlength=classes)
        self._predicted += np.bincount(found, minlength=classes)
        self._correct += np.bincount(requested[found == requested], minlength=classes)

    @property
    def count(self) -> int:
        """Samples so far."""
        return int(self._requested.sum())

    @property
    def effective_count(self) -> int:
        """As many evenly requested samples leave `recognised` as uncertain as these do."""
        requested = self._requested[self._requested > 0]
        return round(len(requested) ** 2 / float((1 / requested).sum()))

    def result(self) -> dict[str, Any]:
        """The scores of all samples so far.

        Returns:
            `recognised`: share of samples predicted as the requested class, the mean over the
            classes (balanced accuracy: a network that shows one class only has 1 / K);
            `classes_hit`: share of the requested classes with at least one such sample;
            `class_entropy`: 1 - the Kullback-Leibler divergence of the histogram of predicted
            classes from that of requested ones / its maximum; of classes requested evenly, this is
            its entropy / log K: 1 if uniform, 0 if a single class is predicted;
            `recognised_by_class`: `recognised` by requested class, None without samples.

        Raises:
            ValueError: if there are no samples.
        """
        if self.count == 0:
            raise ValueError("no samples: class accuracy is undefined")
        by_class = [
            int(correct) / int(requested) if requested else None
            for correct, requested in zip(self._correct, self._requested, strict=True)
        ]
        return {
            "recognised": float(np.mean([share for share in by_class if share is not None])),
            "classes_hit": float((self._correct[self._requested > 0] > 0).mean()),
            "class_entropy": self._entropy(),
            "recognised_by_class": by_class,
        }

    def _entropy(self) -> float:
        """1 - KL(predicted || requested) / its maximum, 0..1."""
        requested = np.maximum(self._requested, 1)  # a class without samples: as if it had one
        wanted, shares = requested / requested.sum(), self._predicted / self.count
        seen = shares > 0
        divergence = float((shares[seen] * np.log(shares[seen] / wanted[seen])).sum())
        largest = -math.log(wanted.min())
        return min(1.0, max(0.0, 1 - divergence / largest)) if largest else 1.0
