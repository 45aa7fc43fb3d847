import pytest
import torch

from sagan.training.core.losses import (
    LeCam,
    Objective,
    bce_discriminator_loss,
    bce_generator_loss,
    hinge_discriminator_loss,
    hinge_generator_loss,
    objective,
)


def test_no_loss_once_the_margins_are_kept():
    loss = hinge_discriminator_loss(torch.tensor([1.0, 4.0]), torch.tensor([-1.0, -2.5]))

    assert loss.item() == 0


def test_inside_the_margins_both_sides_count_whole():
    real, fake = torch.tensor([0.5, 2.0]), torch.tensor([0.0, -3.0])

    assert hinge_discriminator_loss(real, fake).item() == pytest.approx(0.5 / 2 + 1.0 / 2)


def test_the_generator_raises_the_logits():
    assert hinge_generator_loss(torch.tensor([1.0, -3.0])).item() == pytest.approx(1.0)


def test_cross_entropy_of_the_logits():
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([0.5, 0.0])
    expected = -(torch.sigmoid(real).log().mean() + (1 - torch.sigmoid(fake)).log().mean())

    assert bce_discriminator_loss(real, fake).item() == pytest.approx(expected.item())
    assert bce_generator_loss(fake).item() == pytest.approx(
        -torch.sigmoid(fake).log().mean().item()
    )


def test_classification_counts_by_its_weight():
    logits, labels = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1])
    expected = -torch.log_softmax(logits, 1)[[0, 1], labels].mean()

    assert objective("hinge", 0.5).classification_loss(logits, labels).item() == pytest.approx(
        0.5 * expected.item()
    )
    assert objective("hinge").classification_loss(None, labels).item() == 0
    assert objective("hinge").classifier_weight == Objective().classifier_weight == 1


def test_an_unknown_objective():
    with pytest.raises(ValueError, match="loss must be one of hinge, bce, got 'wgan'"):
        objective("wgan")


def warm(real, fake, *, weight=1.0, decay=0.9):
    """LeCam's term after its warm-up of one update, with these means."""
    lecam = LeCam(weight, decay, 1)
    lecam.update(torch.tensor([real, fake]))
    return lecam


def test_lecams_term_is_the_distance_to_the_other_kinds_average():
    real, fake = torch.tensor([2.0, -1.5]), torch.tensor([-2.0, 1.0])
    lecam = warm(0.5, -1.0, weight=0.3)

    # 2 is 3 above the fakes' average, -1.5 below it; -2 is 2.5 below the real ones', 1 above it
    assert lecam(real, fake).item() == pytest.approx(0.3 * (9 / 2 + 6.25 / 2))


def test_lecams_term_pulls_logits_towards_each_other():
    real, fake = torch.tensor([2.0], requires_grad=True), torch.tensor([-2.0], requires_grad=True)
    warm(0.5, -1.0)(real, fake).backward()

    assert real.grad.item() == pytest.approx(6.0)
    assert fake.grad.item() == pytest.approx(-5.0)


def test_lecams_averages_are_the_batchs_in_the_warm_up_and_decay_after_it():
    lecam = LeCam(1.0, 0.9, 2)
    logits = torch.tensor([3.0]), torch.tensor([-3.0])
    seen = []
    for means in ([1.0, -1.0], [2.0, -2.0], [4.0, 0.0]):
        seen.append(lecam(*logits).item())
        lecam.update(torch.tensor(means))

    assert seen == [0, 0, 50.0]
    torch.testing.assert_close(lecam.averages, torch.tensor([2.2, -1.8]))


def test_lecam_without_a_warm_up_has_no_term_before_it_has_averages():
    lecam = LeCam(1.0, 0.9, 0)

    assert lecam(torch.tensor([3.0]), torch.tensor([-3.0])).item() == 0
    lecam.update(torch.tensor([1.0, -1.0]))
    assert lecam.averages.tolist() == [1.0, -1.0]
    assert lecam(torch.tensor([3.0]), torch.tensor([-3.0])).item() == 32.0
