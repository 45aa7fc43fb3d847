import pytest
import torch

from sagan.training.core.losses import (
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
