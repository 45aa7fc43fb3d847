"""`training.compile`: whole passes, made once, with results equal to rounding."""

from functools import partial

import pytest
import torch
from torch._dynamo.backends.debugging import aot_eager
from torch._dynamo.utils import counters

from sagan.training.config import TrainingConfig
from sagan.training.core.distributed import DistributedContext
from sagan.training.core.loop import training_loop
from sagan.training.core.state import TrainingState

CPU = torch.device("cpu")


def test_passes_are_compiled_as_a_whole_and_once(tiny, shards, monkeypatch):
    """Both networks with and without gradients, in all four, without a constant tensor."""
    graphs, ends = [], {}

    def backend(graph, inputs):
        graphs.append([str(node.target) for node in graph.graph.nodes if node.op == "get_attr"])
        return aot_eager(graph, inputs)

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    counters.clear()
    for mode in ("off", "default"):
        config = tiny(compile=mode, total_images=12)
        state = TrainingState(config, shards, CPU)
        steps = training_loop(state, shards, config, DistributedContext(CPU))
        counts = [len(graphs) for _ in steps]
        ends[mode] = state.state_dict()

    assert counts == [4, 4, 4]
    assert graphs == [[]] * 4
    assert not counters["graph_break"]
    for network in ("generator", "discriminator", "ema_generator"):
        torch.testing.assert_close(
            ends["default"][network], ends["off"][network], atol=1e-3, rtol=1e-3
        )


def test_off_is_known_as_yaml_reads_it():
    assert TrainingConfig(compile=False).compile == "off"
    with pytest.raises(ValueError, match="compile"):
        TrainingConfig(compile=True)
