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
