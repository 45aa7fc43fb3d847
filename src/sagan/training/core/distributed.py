"""Distributed context: rank, world size and the few collectives that training needs.

Every process takes its share of each batch by global index. The main process (rank 0) writes the
journal and the checkpoints; gradients are averaged by torch's DistributedDataParallel.
"""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from inspect import signature
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

logger = logging.getLogger(__name__)

_LONG_TIMEOUT = timedelta(days=7)  # the others wait while the main process saves or exports
# one switch of DDP, under its newer name where torch has it
_newer = "forward_sync_buffers" in signature(DistributedDataParallel.__init__).parameters
_LEAVE_BUFFERS: dict[str, Any] = {
    "forward_sync_buffers" if _newer else "broadcast_buffers": False,
}


@dataclass(frozen=True)
class DistributedContext:
    """This process among those that train together; a single process by default."""

    device: torch.device
    rank: int = 0
    size: int = 1
    step_group: dist.ProcessGroup | None = None
    """For small collectives on the CPU, with the timeout of a step."""
    long_timeout_group: dist.ProcessGroup | None = None
    """For waiting until the main process has saved, scored or exported."""

    @property
    def is_main(self) -> bool:
        """Whether this is rank 0, the process that writes."""
        return self.rank == 0

    def share(self, batch_size: int) -> slice:
        """The part of a global batch that this process takes."""
        count = batch_size // self.size
        return slice(self.rank * count, (self.rank + 1) * count)

    def any(self, here: bool) -> bool:
        """Whether the flag is set in any process; the same answer in all of them."""
        if self.size == 1:
            return here
        flag = torch.tensor([int(here)])
        dist.all_reduce(flag, dist.ReduceOp.MAX, group=self.step_group)
        return bool(flag.item())

    def total(self, values: Tensor) -> Tensor:
        """The tensor summed over all processes, on its device; the same in all of them."""
        if self.size == 1:
            return values
        total = values.clone()
        dist.all_reduce(total)
        return total

    def mean(self, values: Sequence[Tensor]) -> list[float]:
        """Scalars averaged over all processes; each tensor []."""
        stacked = torch.stack([value.detach().float() for value in values]).cpu()
        if self.size > 1:
            dist.all_reduce(stacked, group=self.step_group)
            stacked /= self.size
        mean: list[float] = stacked.tolist()
        return mean

    def wait_for_main(self) -> None:
        """Barrier with a long timeout, for work that the main process does alone."""
        if self.size > 1:
            dist.barrier(group=self.long_timeout_group)

    def broadcast_from_main(self, value: Any) -> Any:  # noqa: ANN401 - any picklable value
        """The main process's value, on every process."""
        if self.size == 1:
            return value
        box = [value if self.is_main else None]
        dist.broadcast_object_list(box, src=0, group=self.long_timeout_group)
        return box[0]

    def wrap_ddp(self, network: nn.Module) -> nn.Module:
        """The network in DistributedDataParallel, which averages gradients over all processes."""
        if self.size == 1:
            return network
        # DDP must not broadcast buffers: u and v are identical on all ranks, and batch-norm
        # statistics are per rank unless sync_batch_norm is set
        return DistributedDataParallel(
            network,
            device_ids=[self.device.index] if self.device.type == "cuda" else None,
            gradient_as_bucket_view=True,
            **_LEAVE_BUFFERS,
        )


@contextmanager
def distributed_context(
    device_type: str, *, timeout_seconds: float
) -> Iterator[DistributedContext]:
    """Join the process group that torchelastic started; leave it if all went well.

    After an error the group is left as it is: to leave it, NCCL may wait for the other processes,
    which may wait for this one. The process has to exit then.

    Args:
        device_type: "cuda" (one GPU a process, NCCL) or "cpu" (gloo).
        timeout_seconds: how long one process waits for the others in a collective call.
    """
    local_rank = int(os.environ["LOCAL_RANK"])
    device = torch.device("cuda", local_rank) if device_type == "cuda" else torch.device("cpu")
    if device.type == "cuda":
        torch.cuda.set_device(device)
    timeout = timedelta(seconds=timeout_seconds)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=timeout)
    yield DistributedContext(
        device=device,
        rank=dist.get_rank(),
        size=dist.get_world_size(),
        step_group=_cpu_group(timeout),
        long_timeout_group=_cpu_group(_LONG_TIMEOUT),
    )
    dist.destroy_process_group()


def _cpu_group(timeout: timedelta) -> dist.ProcessGroup:
    group = dist.new_group(backend="gloo", timeout=timeout)
    assert isinstance(group, dist.ProcessGroup)  # noqa: S101 - every process is a member
    return group
