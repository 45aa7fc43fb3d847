import pytest
import torch

from sagan.training.losses import hinge_discriminator_loss, hinge_generator_loss


def test_no_loss_once_the_margins_are_kept():
    loss = hinge_discriminator_loss(torch.tensor([1.0, 4.0]), torch.tensor([-1.0, -2.5]))

    assert loss.item() == 0


def test_inside_the_margins_both_sides_count_whole():
    real, fake = torch.tensor([0.5, 2.0]), torch.tensor([0.0, -3.0])

    assert hinge_discriminator_loss(real, fake).item() == pytest.approx(0.5 / 2 + 1.0 / 2)


def test_the_generator_raises_the_logits():
    assert hinge_generator_loss(torch.tensor([1.0, -3.0])).item() == pytest.approx(1.0)
