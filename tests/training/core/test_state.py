"""The training state as a checkpoint keeps it."""

import torch

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
