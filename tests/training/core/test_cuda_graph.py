"""`training.compile: cuda-graph`: updates whose operations are replayed make the same run.

There is no GPU here, so a recorder of torch's operations stands in for the CUDA graph: like it, it
replays them on the same memory, without the code between them and without new versions.
"""

from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sagan.models.ops import cuda_graph
from sagan.training import train
from sagan.training.core.distributed import DistributedContext
from sagan.training.core.finite import FiniteCheck, NonFiniteError
from sagan.training.core.loop import training_loop
from sagan.training.core.state import TrainingState
from tests.training.whole_runs import assert_equal_states

CPU = torch.device("cpu")


class Recorder(TorchDispatchMode):
    """Runs operations and keeps them."""

    def __init__(self):
        super().__init__()
        self.operations, self.written = [], []
        self.executed = True  # in contrast to a graph's operations, of which the first replay is

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        made = function(*args, **kwargs)
        inputs = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        memory = {tensor.untyped_storage().data_ptr() for tensor in inputs}
        results = [leaf for leaf in tree_leaves(made) if isinstance(leaf, Tensor)]
        fresh = [t.untyped_storage().data_ptr() not in memory for t in results]
        changes = function._schema.is_mutable
        if changes:
            self.written += inputs
        if changes or any(fresh):  # else it is a view
            self.operations.append((function, args, kwargs, results, fresh))
        return made

    @torch.no_grad()
    def replay(self):
        if self.executed:
            self.executed = False
            return
        with torch.autograd._unsafe_preserve_version_counter(tuple(self.written)):
            for function, args, kwargs, results, fresh in self.operations:
                made = [t for t in tree_leaves(function(*args, **kwargs)) if isinstance(t, Tensor)]
                for there, new, own in zip(results, made, fresh, strict=True):
                    if own:
                        there.copy_(new)


@pytest.fixture
def recordings(monkeypatch):
    """What was recorded."""
    found = []

    def record(function):
        with Recorder() as recorder:
            result = function()
        found.append(recorder)
        return result, recorder.replay

    monkeypatch.setattr(cuda_graph, "record", record)
    return found


@pytest.fixture
def config(tiny):
    augmentation = {"method": "ada", "interval": 1, "lecam_weight": 0.1, "lecam_warmup_steps": 2}
    return tiny(
        compile="cuda-graph",
        discriminator_steps=2,
        total_images=64,
        lr_schedule="linear",
        real_noise=0.1,
        images_per_pass=2,
        augmentation=augmentation,
    )


def new_state(config, shards):
    """As on a GPU: the device decides, and optimisers are fused."""
    state = TrainingState(config, shards, CPU)
    state.finite_check = FiniteCheck(CPU, deferred=True)
    for optimizer in (state.generator_optimizer, state.discriminator_optimizer):
        optimizer.param_groups[0]["fused"] = True
    return state


def tensors(state):
    return {name: part for name, part in state.state_dict().items() if name != "train_seconds"}


def run(state, config, shards):
    return [
        [record.discriminator.loss.item(), record.generator.gradient_norm.item()]
        for record in training_loop(state, shards, config, DistributedContext(CPU))
    ]


def test_three_calls_run_the_function_the_fourth_records_it_and_no_other_calls_it(recordings):
    called, inputs = [], [torch.full((2,), float(i)) for i in range(7)]

    def doubled(x):
        called.append(len(recordings))
        return 2 * x

    replayed = cuda_graph.Replayed(doubled, [])
    values, recorded = [], []
    for x in inputs:
        values.append(replayed(x).tolist())
        recorded.append(len(recordings))

    assert values == [[2 * i] * 2 for i in range(7)]
    assert (recorded, len(called)) == ([0, 0, 0, 1, 1, 1, 1], 4)
    assert [x.tolist() for x in inputs] == [[i] * 2 for i in range(7)], "they are the caller's"


def test_replayed_updates_make_the_same_run(config, shards, recordings, monkeypatch):
    """Rates that fall, random numbers, a probability that adapts, several passes, an average."""
    ends, calls = [], []
    for warm_up in (1000, 3):  # the first run replays nothing
        monkeypatch.setattr(cuda_graph, "_WARM_UP_CALLS", warm_up)
        state = new_state(config, shards)
        ends.append((run(state, config, shards), tensors(state)))
        calls.append(len(recordings))

    assert calls == [0, 2]  # one of each update
    assert ends[0][0] == ends[1][0]
    assert_equal_states(ends[1][1], ends[0][1])
    assert ends[0][1]["augmentation"]["probability"] > 0


def test_an_update_that_is_not_finite_is_told_after_a_replay_too(
    config, shards, recordings, monkeypatch
):
    state = new_state(config, shards)
    loop = training_loop(state, shards, config, DistributedContext(CPU))
    for _ in range(5):
        next(loop)
    before = state.images_seen
    assert recordings
    with torch.no_grad():
        state.lecam.averages.fill_(torch.inf)
    with pytest.raises(NonFiniteError, match="discriminator's update is not finite: loss inf"):
        for _ in loop:
            pass
    assert state.images_seen == before
    assert all(t.isfinite().all() for t in state.discriminator.state_dict().values())


def test_what_is_kept_of_a_layer_is_made_anew_after_a_replay(config, shards, recordings):
    """The kernels of the networks, which something else asks for between the steps."""
    state = new_state(config, shards)
    latents, labels = torch.randn(4, state.generator.latent_dim), torch.zeros(4, dtype=torch.int64)
    seen = []
    for _ in training_loop(state, shards, config, DistributedContext(CPU)):
        with torch.no_grad():
            made = state.generator.eval()(latents, labels)
            cuda_graph.forget_kernels()
            torch.testing.assert_close(made, state.generator(latents, labels), rtol=0, atol=0)
        state.generator.train()
        seen.append(made)
    assert not any(torch.equal(one, other) for one, other in pairwise(seen))


def test_a_run_goes_on_without_replays_and_with_them(config, tiny, shards, recordings):
    plain = config.model_copy(update={"compile": "off"})
    state = new_state(config, shards)
    run(state, config.model_copy(update={"total_images": 16}), shards)
    ends = []
    for chosen in (config, plain):
        again = new_state(chosen, shards)
        again.load_state_dict(state.state_dict())
        run(again, chosen, shards)
        ends.append(torch.cat([t.flatten() for t in again.generator.parameters()]))
        assert again.rates()["generator_lr"] == pytest.approx(config.generator_lr / 8)
    assert (ends[0] - ends[1]).norm() < 0.01 * ends[1].norm()


def test_where_it_is_impossible_there_is_one_sentence(tiny, shards, tmp_path):
    with pytest.raises(ValueError, match="of one process, and there are 2; set compile: reduce"):
        tiny(compile="cuda-graph", devices=2)
    with pytest.raises(ValueError, match="cuda-graph needs a GPU, and the device is cpu; set"):
        train(tiny(compile="cuda-graph", device="cpu"), shards, tmp_path)
    assert not list(tmp_path.iterdir())
