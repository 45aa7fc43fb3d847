"""The training state as a checkpoint keeps it."""

import pytest
import torch

from sagan.training.core.finite import FiniteCheck, NonFiniteError
from sagan.training.core.state import TrainingState

CPU = torch.device("cpu")


def test_an_optimiser_updates_in_the_way_of_its_own_device(tiny, shards):
    """A GPU's checkpoint asks for the fused update, a CPU's for the plain one."""
    saved = TrainingState(tiny(), shards, CPU).state_dict()
    saved["generator_optimizer"]["param_groups"][0]["fused"] = True
    state = TrainingState(tiny(generator_lr=3e-4), shards, CPU)

    state.load_state_dict(saved)

    group = state.generator_optimizer.param_groups[0]
    assert (group["fused"], group["lr"]) == (False, 3e-4)


def test_without_an_average_there_is_no_copy_of_the_generator(tiny, shards):
    state = TrainingState(tiny(ema_decay=None), shards, CPU)

    assert state.ema_generator is None
    assert "ema_generator" not in state.state_dict()
    state.load_state_dict(state.state_dict())


def test_without_augmentation_the_state_has_nothing_of_it(tiny, shards):
    state = TrainingState(tiny(augmentation={"method": "diffaugment"}), shards, CPU)

    assert not {"augmentation", "lecam"} & state.state_dict().keys()
    assert state.overfitting_controls() == {}
    assert state.lecam is None


def test_the_probability_and_lecams_averages_are_saved_and_told(tiny, shards):
    config = tiny(augmentation={"method": "ada", "lecam_weight": 0.1, "lecam_warmup_steps": 1})
    state, again = (TrainingState(config, shards, CPU) for _ in range(2))
    state.augmentation.probability.fill_(0.25)
    state.augmentation.signs.copy_(torch.tensor([3.0, 8.0]))
    state.lecam.averages.copy_(torch.tensor([0.5, -0.75]))

    again.load_state_dict(state.state_dict())

    assert {name: value.item() for name, value in again.overfitting_controls().items()} == {
        "overfitting/probability": 0.25,
        "lecam/real_logits": 0.5,
        "lecam/fake_logits": -0.75,
    }
    assert again.augmentation.signs.tolist() == [3, 8]


def test_a_probability_that_is_not_finite_is_found(tiny, shards):
    state = TrainingState(tiny(augmentation={"method": "ada"}), shards, CPU)
    state.augmentation.probability.fill_(torch.inf)

    assert state.not_finite() == {"augmentation": torch.inf}


def test_the_first_value_of_a_part_that_is_not_finite_is_told(tiny, shards):
    state = TrainingState(tiny(), shards, CPU)
    assert state.not_finite() == {}
    state.generator.to_rgb.bias.data[:2] = torch.tensor([-torch.inf, torch.inf])

    assert state.not_finite() == {"generator": -torch.inf}


def test_a_fresh_state_has_seen_no_image_and_its_average_gets_no_gradient(tiny, shards):
    state = TrainingState(tiny(), shards, CPU)

    assert (state.images_seen, state.train_seconds) == (0, 0)
    assert not any(p.requires_grad for p in state.ema_generator.parameters())
    assert all(p.requires_grad for p in state.generator.parameters())


def test_the_gammas_are_told_without_their_gradients(tiny, shards):
    state = TrainingState(tiny(), shards, CPU)
    state.generator.layers["8x8_attention"].gamma.data.fill_(0.25)

    gammas = state.gammas()

    assert {name: gamma.item() for name, gamma in gammas.items()} == {
        "gamma/generator/8x8_attention": 0.25,
        "gamma/discriminator/8x8_attention": 0.0,
    }
    assert not any(gamma.requires_grad for gamma in gammas.values())


def test_an_average_that_is_new_begins_with_the_weights_and_new_controls_anew(tiny, shards):
    saved = TrainingState(tiny(ema_decay=None, seed=1), shards, CPU).state_dict()
    augmentation = {"method": "ada", "lecam_weight": 0.1, "lecam_warmup_steps": 1}
    state = TrainingState(tiny(augmentation=augmentation), shards, CPU)

    state.load_state_dict(saved)

    for network in (state.generator, state.ema_generator):
        own = network.state_dict()
        assert all(torch.equal(own[name], tensor) for name, tensor in saved["generator"].items())
    assert state.lecam.averages.tolist() == [0, 0]


def test_an_average_is_continued_as_it_was_saved(tiny, shards):
    saved = TrainingState(tiny(), shards, CPU).state_dict()
    saved["ema_generator"]["to_rgb.bias"].fill_(0.5)
    state = TrainingState(tiny(), shards, CPU)

    state.load_state_dict(saved)

    assert state.ema_generator.to_rgb.bias.tolist() == [0.5] * 3
    assert state.generator.to_rgb.bias.tolist() == [0] * 3


def test_lecams_warm_up_is_in_steps(tiny, shards):
    augmentation = {"lecam_weight": 1.0, "lecam_warmup_steps": 2}
    lecam = TrainingState(tiny(augmentation=augmentation, discriminator_steps=3), shards, CPU).lecam
    logits = torch.ones(2), -torch.ones(2)

    terms = []
    for _ in range(7):
        terms.append(lecam(*logits).item() > 0)
        lecam.update(torch.zeros(2))

    assert terms == [False] * 6 + [True]


@pytest.mark.parametrize("compile_mode", ["off", "cuda-graph"])
def test_linear_rates_fall_from_those_given_to_zero(tiny, shards, compile_mode):
    rates = {"generator_lr": 0.5, "discriminator_lr": 2.0}
    config = tiny(lr_schedule="linear", compile=compile_mode, total_images=40, **rates)
    state, told = TrainingState(config, shards, CPU), []
    rate = state.generator_optimizer.param_groups[0]["lr"]
    for images in (0, 10, 40, 48):
        state.images_seen = images
        state.set_rates(config)
        told.append(tuple(state.rates().values()))

    assert told == [(0.5, 2.0), (0.375, 1.5), (0, 0), (0, 0)]
    assert rate == (0 if compile_mode == "cuda-graph" else 0.5)  # a graph reads it in its place


def test_constant_rates_stay(tiny, shards):
    config = tiny(generator_lr=0.5, discriminator_lr=2.0)
    state = TrainingState(config, shards, CPU)
    state.images_seen = 20

    state.set_rates(config)

    assert state.rates() == {"generator_lr": 0.5, "discriminator_lr": 2.0}


def test_the_newest_update_too_is_asked_for_and_the_images_before_it_are_told(tiny, shards):
    state = TrainingState(tiny(), shards, CPU)
    state.finite_check = check = FiniteCheck(CPU, deferred=True)
    check.images_seen, state.images_seen = 4, 8
    optimizer = torch.optim.Adam(state.generator.parameters(), fused=True)
    check.step(optimizer, "generator", {"loss": torch.tensor(torch.nan)})

    with pytest.raises(NonFiniteError):
        state.require_finite()

    assert state.images_seen == 4
