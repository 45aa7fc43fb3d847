import numpy as np
import pytest
import torch
from scipy.stats import entropy

from sagan.metrics.scores.label_scores import ClassCoverage, StreamingLabelScore


def score(logits, splits=1, batch_size=None, seed=0):
    streaming = StreamingLabelScore(splits, seed)
    for batch in logits.split(batch_size or len(logits)):
        streaming.update(batch)
    return streaming.result()


@pytest.fixture
def logits():
    return 3 * torch.randn(200, 7, generator=torch.Generator().manual_seed(0))


def test_equals_scipys_divergence_from_the_marginal(logits):
    probabilities = logits.double().softmax(dim=1).numpy()

    divergences = [entropy(row, probabilities.mean(axis=0)) for row in probabilities]

    assert score(logits).mean == pytest.approx(np.exp(np.mean(divergences)), rel=1e-12)
    assert score(logits).std == 0


def test_sure_of_k_classes_evenly_scores_k():
    assert score(1000 * torch.eye(7).repeat(3, 1)).mean == pytest.approx(7, rel=1e-12)


def test_sure_of_one_class_scores_one_and_so_does_noise():
    with np.errstate(divide="raise", invalid="raise"):  # of the classes that are never seen
        assert score(1000 * torch.eye(7)[:1].repeat(9, 1)).mean == pytest.approx(1)
    assert score(torch.zeros(9, 7)).mean == pytest.approx(1)


@pytest.mark.parametrize("batch_size", [1, 33, 200])
def test_does_not_depend_on_the_batches(logits, batch_size):
    whole, parts = score(logits, 10), score(logits, 10, batch_size)

    assert parts.mean == pytest.approx(whole.mean, rel=1e-12)
    assert parts.std == pytest.approx(whole.std, rel=1e-9)


def test_one_split_does_not_depend_on_the_order(logits):
    order = torch.from_numpy(np.random.default_rng(1).permutation(200))

    assert score(logits).mean == pytest.approx(score(logits[order]).mean, rel=1e-12)


def test_samples_sorted_by_class_do_not_spoil_the_splits():
    """Consecutive parts, as released, are kept here, and shown to score 1."""
    sorted_by_class = 1000 * torch.eye(10).repeat_interleave(100, dim=0)

    consecutive = np.mean([score(part).mean for part in sorted_by_class.chunk(10)])

    assert consecutive == pytest.approx(1)
    assert score(sorted_by_class, 10).mean > 9


def test_labels_in_turn_do_not_spoil_the_splits():
    """Ten labels in turn and ten splits: dealt out in turn, each split would see one class."""
    in_turn = 1000 * torch.eye(10).repeat(100, 1)

    assert score(in_turn, 10).mean > 9


def test_of_as_many_samples_as_splits_each_has_one(logits):
    """A sample alone is no different from the mean of its split."""
    found = score(logits[:10].requires_grad_(), 10)

    assert found == pytest.approx((1, 0, 10))
    assert StreamingLabelScore().splits == 10  # as released


def test_what_cannot_be_scored_is_refused(logits):
    with pytest.raises(ValueError, match="10 splits need at least as many samples, got 9"):
        score(logits[:9], 10)
    logits[3, 3] = torch.nan
    with pytest.raises(ValueError, match="logits are NaN"):
        score(logits)


def coverage(predicted, asked, classes=4):
    counting = ClassCoverage(classes)
    for one, two in zip(predicted, asked, strict=True):
        counting.update(torch.tensor([one]), torch.tensor([two]))
    return counting.result()


def test_every_class_seen_evenly():
    found = coverage([0, 1, 2, 3] * 3, [0, 1, 2, 3] * 3)

    assert (found["recognised"], found["classes_hit"]) == (1, 1)
    assert found["class_entropy"] == pytest.approx(1)
    assert found["recognised_by_class"] == [1, 1, 1, 1]


def test_one_class_seen_whatever_is_asked_for():
    found = coverage([2] * 8, [0, 1, 2, 3] * 2)

    assert (found["recognised"], found["classes_hit"], found["class_entropy"]) == (0.25, 0.25, 0)
    assert found["recognised_by_class"] == [0, 0, 1, 0]


def test_entropy_equals_scipys():
    found = coverage([0, 0, 0, 1, 1, 3, 0, 0], [0, 1, 2, 3] * 2)

    assert found["class_entropy"] == pytest.approx(entropy([5, 2, 1], base=4))
    assert found["recognised_by_class"] == [0.5, 0, 0, 0]


def test_of_rare_classes_each_counts_as_much_as_a_common_one():
    asked = [0] * 95 + [1] * 5

    right, common, evenly = (coverage(found, asked, 3) for found in (asked, [0] * 100, [0, 1] * 50))

    assert (right["recognised"], right["classes_hit"]) == (1, 1)
    assert (common["recognised"], common["classes_hit"]) == (0.5, 0.5), "of two asked for"
    assert right["recognised_by_class"] == [1, 1, None]
    assert right["class_entropy"] == pytest.approx(1, abs=0.01)
    assert evenly["class_entropy"] < 0.9


def test_a_single_sample_of_a_class_counts():
    found = coverage([0, 0, 1, 0], [0, 0, 1, 2], 3)

    assert found["classes_hit"] == pytest.approx(2 / 3)
    assert found["recognised_by_class"] == [1, 1, 0]


def test_a_class_not_asked_for_has_the_share_of_one_sample():
    """KL((1, 0) || (2/3, 1/3)) = log 1.5, of at most log 3."""
    assert coverage([0, 0], [0, 0], 2)["class_entropy"] == pytest.approx(
        1 - np.log(1.5) / np.log(3)
    )


def test_of_one_class_nothing_is_missing():
    assert coverage([0, 0], [0, 0], 1)["class_entropy"] == 1


def test_the_interval_is_as_wide_as_the_rarest_class_makes_it():
    def counted(asked):
        counting = ClassCoverage(3)  # the last is not asked for
        counting.update(torch.tensor(asked), torch.tensor(asked))
        return counting.effective_count

    assert counted([0, 1] * 50) == 100
    assert counted([0] * 95 + [1] * 5) == 19
    assert counted([0] * 9 + [1]) == 4  # 3.6
    assert counted([0, 1, 2] * 10) == 30


def test_no_samples_have_no_coverage():
    with pytest.raises(ValueError, match="no samples"):
        ClassCoverage(3).result()
