"""Frozen blocks of the discriminator (FreezeD): what stays bit for bit, and what moves."""

import copy

import pytest
import torch

from sagan.models.discriminator import Discriminator
from sagan.processes.signals import TrainingInterrupted
from sagan.training import train
from sagan.training.config.networks import network_faults
from sagan.training.core.state import TrainingState
from tests.training.updates import SIZES
from tests.training.whole_runs import Stop, assert_equal_states, final_state

CPU = torch.device("cpu")
FROZEN = ("layers.8x8_block.", "layers.8x8_attention.")  # the first block, and what follows it


def trained_beside_fresh(config, shards, runs):
    """The discriminator's tensors after a run, before it, and the run's whole state."""
    train(config, shards, runs)
    state = final_state(runs)
    return state["discriminator"], TrainingState(config, shards, CPU).discriminator, state


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_frozen_blocks_stay_bit_for_bit_while_others_move(
    tiny, shards, tmp_path, precision, caplog
):
    config = tiny(freeze_discriminator_layers=1, total_images=16, precision=precision)

    after, fresh, state = trained_beside_fresh(config, shards, tmp_path)

    before = fresh.state_dict()
    same = {name for name in before if torch.equal(after[name], before[name])}
    same -= {"head.linear.u"}  # of one row: always 1 or -1
    assert same == {name for name in before if name.startswith(FROZEN)}
    assert {name.rpartition(".")[2] for name in same} == {"weight", "bias", "u", "v", "gamma"}
    parameters = list(fresh.named_parameters())
    moments = state["discriminator_optimizer"]["state"]
    assert {parameters[index][0] for index in moments} == {
        name for name, _ in parameters if not name.startswith(FROZEN)
    }
    assert "no training.start_from" in caplog.text


def test_a_run_with_frozen_blocks_resumes_bit_for_bit(tiny, shards, tmp_path):
    config = tiny(freeze_discriminator_layers=2, total_images=24)
    train(config, shards, tmp_path / "whole")
    with pytest.MonkeyPatch.context() as patch:
        Stop(patch, 3)
        with pytest.raises(TrainingInterrupted):
            train(config, shards, tmp_path / "cut")

    train(config, shards, tmp_path / "cut")

    assert_equal_states(final_state(tmp_path / "cut"), final_state(tmp_path / "whole"))


def test_blocks_are_counted_from_the_image_on():
    discriminator = Discriminator(**SIZES)
    layers = list(discriminator.layers)
    assert layers == ["8x8_block", "8x8_attention", "4x4_block", "final_block"]

    for blocks, frozen in enumerate([0, 2, 3, 4]):
        network = copy.deepcopy(discriminator)
        network.freeze(blocks)
        trained = [
            any(p.requires_grad for p in network.layers[name].parameters()) for name in layers
        ]
        assert trained == [False] * frozen + [True] * (4 - frozen)
        assert all(p.requires_grad for p in network.head.parameters())


def test_more_blocks_than_there_are_are_refused_with_their_number(tiny, shards, tmp_path):
    config = tiny(freeze_discriminator_layers=4)

    with pytest.raises(ValueError, match=r"got 4.*has 3 residual blocks"):
        train(config, shards, tmp_path)
    (fault,) = network_faults(config.model, image_size=16, frozen_blocks=4)
    assert "has 3 residual blocks" in fault
