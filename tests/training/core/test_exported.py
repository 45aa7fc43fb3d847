"""The generator as it is exported; tests/training/store/test_export.py has its statistics."""

import copy

import pytest
import torch
import torch.nn.functional as F

from sagan.models.ops.spectral_norm import SpectralLayer
from sagan.training.core.exported import exported_generator
from sagan.training.core.state import TrainingState


@pytest.mark.parametrize("options", [{}, {"averaged": False}, {"averaged": True}], ids=str)
def test_the_vectors_of_an_average_alone_are_settled(tiny, shards, options):
    config = tiny(standing_batches=0)
    network = TrainingState(config, shards, torch.device("cpu")).generator
    for layer in network.modules():
        if isinstance(layer, SpectralLayer):
            layer.u.copy_(F.normalize(torch.randn_like(layer.u), dim=0))
    before = copy.deepcopy(network.state_dict())

    made = exported_generator(network, config, shards, **options)

    after, settled = made.state_dict(), bool(options.get("averaged"))
    moved = {name for name in before if not torch.equal(after[name], before[name])}
    assert bool(moved) == settled
    assert all(name.endswith((".u", ".v")) for name in moved)
    top = torch.linalg.matrix_norm(made.linear.weight, ord=2).item()
    assert (made.linear.sigma().item() == pytest.approx(top, rel=0.1)) == settled
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
