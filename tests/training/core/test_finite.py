"""Deciding on the device, as on a GPU, gives what deciding on the host gives, and never waits."""

import copy
from types import SimpleNamespace

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from sagan.training.core import loop, steps
from sagan.training.core.distributed import DistributedContext
from sagan.training.core.ema import update_ema
from sagan.training.core.finite import FiniteCheck, NonFiniteError
from sagan.training.core.loop import training_loop
from sagan.training.core.state import TrainingState
from tests.training.whole_runs import assert_equal_states

CPU = torch.device("cpu")
FORCES_A_WAIT = ("_local_scalar_dense", "nonzero", "is_nonzero", "masked_select", "_unique2")


@pytest.fixture
def config(tiny):
    augmentation = {"method": "ada", "interval": 1, "lecam_weight": 0.1, "lecam_warmup_steps": 2}
    return tiny(discriminator_steps=2, total_images=48, augmentation=augmentation)


def new_state(config, shards, *, deferred):
    state = TrainingState(config, shards, CPU)
    state.finite_check = FiniteCheck(CPU, deferred=deferred)
    for optimizer in (state.generator_optimizer, state.discriminator_optimizer):
        optimizer.param_groups[0]["fused"] = True
    return state


def training(state, config, shards):
    return training_loop(state, shards, config, DistributedContext(CPU))


def assert_same(ours, theirs):
    """But for the average's rounding, which is another by the device's kernels."""
    ours, theirs = (one.state_dict() | {"train_seconds": 0} for one in (ours, theirs))
    averages = [one.pop("ema_generator") for one in (ours, theirs)]
    torch.testing.assert_close(*averages, rtol=1e-5, atol=1e-7)
    assert_equal_states(ours, theirs)


class Waits(TorchDispatchMode):
    """Operations for which the host would wait for a GPU."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        by_mask = name in ("index", "index_put_") and any(
            index is not None and index.dtype == torch.bool for index in args[1]
        )
        if name in FORCES_A_WAIT or by_mask:
            self.found.append(name)
        return function(*args, **(kwargs or {}))


def test_a_step_has_no_host_wait(config, shards):
    counts = {}
    for deferred in (False, True):
        state = new_state(config, shards, deferred=deferred)
        with Waits() as waits:
            assert len(list(training(state, config, shards))) == 6
        counts[deferred] = len(waits.found)

    assert counts == {False: 18, True: 0}  # three updates a step


def test_finite_updates_are_the_same(config, shards):
    at_once, deferred = (new_state(config, shards, deferred=late) for late in (False, True))

    for state in (at_once, deferred):
        list(training(state, config, shards))

    assert_same(at_once, deferred)
    deferred.require_finite()


@pytest.mark.parametrize("update", ["discriminator", "generator"])
def test_nothing_is_touched_by_an_update_that_is_not_finite_and_by_those_after_it(
    config, shards, monkeypatch, update
):
    original = getattr(loop, f"{update}_step")
    ends = {}
    for deferred in (False, True):
        state, calls = new_state(config, shards, deferred=deferred), []

        def spoilt(*arguments, calls=calls, **options):
            calls.append(None)
            *before, inputs = arguments[:4]  # real images of D, latents of G
            inputs = inputs / 0 if len(calls) == 3 else inputs
            return original(*before, inputs, *arguments[4:], **options)

        monkeypatch.setattr(loop, f"{update}_step", spoilt)
        state.augmentation.probability.fill_(0.5)
        made = []
        with pytest.raises(NonFiniteError) as raised:
            made.extend(training(state, config, shards))
        ends[deferred] = (state, raised.value, len(made))

    (at_once, error, made), (late, its_error, its_made) = ends[False], ends[True]
    assert (error.network, its_error.network) == (update, update)
    assert str(error) == str(its_error)
    assert_same(at_once, late)
    assert its_made == made + 1  # read one step later


def test_the_last_update_is_looked_at_where_it_is_asked_for(config, shards):
    state = new_state(config, shards, deferred=True)
    network = state.generator
    weight = next(network.parameters())
    optimizer, before = state.generator_optimizer, weight.detach().clone()
    weight.grad = torch.ones_like(weight)

    state.finite_check.step(optimizer, "generator", {"loss": torch.tensor(torch.inf)})

    assert torch.equal(weight, before)
    state.require_finite(but=1)
    with pytest.raises(NonFiniteError, match="the generator's update is not finite: loss inf"):
        state.require_finite()


def test_what_is_looked_at_later_is_as_it_was_and_holds_no_graph():
    """A replayed update writes its facts into the same memory; a graph would hold its pass's."""
    check, weight = FiniteCheck(CPU, deferred=True), torch.ones(2, requires_grad=True)
    assert check.images_seen == 0
    optimizer = torch.optim.Adam([weight], fused=True)

    check.step(optimizer, "generator", {"loss": weight.sum()})
    assert not check.facts.values.requires_grad
    check.facts.values.fill_(torch.inf)
    check.require_finite()

    check.step(optimizer, "generator", {"loss": torch.tensor(torch.inf)})
    with pytest.raises(NonFiniteError):
        check.require_finite()


@pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")
def test_what_decides_stays_on_the_device(networks, monkeypatch):
    """On tensors that only say that they are on a GPU, asking for a value is an error."""
    stream = SimpleNamespace(record_event=lambda: None)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: stream)
    with FakeTensorMode(allow_non_fake_inputs=True):
        G, D = (network.to("cuda") for network in networks)
        average, check = copy.deepcopy(G).requires_grad_(False), FiniteCheck(torch.device("cuda:0"))
        for name, network in (("discriminator", D), ("generator", G)):
            for parameter in network.parameters():
                parameter.grad = torch.zeros_like(parameter)
            optimizer = torch.optim.Adam(network.parameters(), fused=True)
            with check.unchanged_unless_finite(steps._batch_norm_buffers(G)), torch.no_grad():
                facts = {"loss": D(G(*latents()), latents()[1])[0].mean(), **steps._statistics(G)}
            steps._apply(network, optimizer, name, facts, check)
        update_ema(average, G, 0.9, check)
        state = [t for network in (G, D, average) for t in network.state_dict().values()]

    assert check.deferred
    assert {tensor.device for tensor in state} == {torch.device("cuda:0")}


def latents():
    return torch.randn(4, 8, device="cuda"), torch.randint(3, (4,), device="cuda")
