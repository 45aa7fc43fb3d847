"""One process among those that train; tests/training/test_distributed.py starts several."""

import pytest
import torch
import torch.distributed as dist

from sagan.training.core.distributed import DistributedContext, distributed_context

CPU = torch.device("cpu")


def test_shares_of_a_batch_make_the_batch_of_one_process():
    whole = torch.arange(12)
    for size in (1, 2, 3, 4):
        worlds = [DistributedContext(CPU, rank, size) for rank in range(size)]
        shares = [whole[context.share(12)] for context in worlds]
        assert torch.equal(torch.cat(shares), whole)
        assert {len(share) for share in shares} == {12 // size}
        assert [context.is_main for context in worlds] == [True] + [False] * (size - 1)


@pytest.fixture
def other(monkeypatch):
    """Another process that has 5 wherever this one has a number."""
    groups = []

    def reduce(tensor, operation=dist.ReduceOp.SUM, group=None):
        groups.append(group)
        tensor.copy_(tensor + 5 if operation == dist.ReduceOp.SUM else tensor.clamp(min=5))

    def broadcast(box, src, group=None):
        groups.append(group)
        box[:] = [5] if src == 0 and box == [None] else box

    def wait(group):
        groups.append(group)

    monkeypatch.setattr(dist, "all_reduce", reduce)
    monkeypatch.setattr(dist, "broadcast_object_list", broadcast)
    monkeypatch.setattr(dist, "barrier", wait)
    return groups


def test_what_two_processes_have_is_summed_averaged_and_told(other):
    values = torch.tensor([1.0, 2.0], requires_grad=True)
    groups = {"step_group": "of steps", "long_timeout_group": "of saving"}
    main, second = (DistributedContext(CPU, rank, 2, **groups) for rank in (0, 1))

    assert second.total(values.detach()).tolist() == [6, 7]
    assert values.tolist() == [1, 2]
    assert second.mean(list(values)) == [3, 3.5]
    assert second.any(here=False) is True
    assert (main.broadcast_from_main(1), second.broadcast_from_main(1)) == (1, 5)
    second.wait_for_main()
    assert other == [None, "of steps", "of steps", *["of saving"] * 3]


def test_a_single_process_asks_no_other(other):
    alone, values = DistributedContext(CPU), torch.tensor([1.0, 2.0])

    assert alone.total(values).tolist() == alone.mean(list(values)) == [1, 2]
    assert (alone.any(here=False), alone.any(here=True)) == (False, True)
    assert alone.broadcast_from_main(1) == 1
    alone.wait_for_main()
    assert alone.is_main
    assert other == []


@pytest.mark.parametrize(
    ("device_type", "device", "backend"),
    [("cpu", CPU, "gloo"), ("cuda", torch.device("cuda", 1), "nccl")],
)
def test_a_process_joins_the_others_by_the_backend_of_its_device(
    monkeypatch, device_type, device, backend
):
    joined, chosen, original = [], [], dist.init_process_group

    def join(name, timeout):
        joined.append((name, timeout.total_seconds()))
        original("gloo", store=dist.HashStore(), rank=0, world_size=1, timeout=timeout)

    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(dist, "init_process_group", join)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    with distributed_context(device_type, timeout_seconds=7) as context:
        assert (context.device, context.rank, context.size) == (device, 0, 1)
        assert dist.get_backend(context.step_group) == "gloo"
        assert dist.get_backend(context.long_timeout_group) == "gloo"

    assert joined == [(backend, 7)]
    assert chosen == ([device] if device_type == "cuda" else [])
    assert not dist.is_initialized()
