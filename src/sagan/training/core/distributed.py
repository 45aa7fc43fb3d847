"""The processes that train together, and the little that they tell one another.

Every process takes its share of each batch by global index. Process 0, the lead, writes the
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

_PATIENCE = timedelta(
    days=7
)  # while the lead saves or exports, the others wait as long as it takes
# one switch, by its newer name where there is one
_newer = "forward_sync_buffers" in signature(DistributedDataParallel.__init__).parameters
_LEAVE_BUFFERS: dict[str, Any] = {
    "forward_sync_buffers" if _newer else "broadcast_buffers": False,
}


@dataclass(frozen=True)
class World:
    """Where this process stands among those that train together; alone by default."""

    device: torch.device
    rank: int = 0
    size: int = 1
    control: dist.ProcessGroup | None = None
    """For small agreements on the CPU, with the timeout of a step."""
    patient: dist.ProcessGroup | None = None
    """For waiting until the lead is done with something long."""

    @property
    def lead(self) -> bool:
        """Whether this process writes."""
        return self.rank == 0

    def share(self, batch_size: int) -> slice:
        """The part of a global batch that this process takes."""
        count = batch_size // self.size
        return slice(self.rank * count, (self.rank + 1) * count)

    def any(self, here: bool) -> bool:
        """Whether something holds for any process; all of them get the same answer."""
        if self.size == 1:
            return here
        flag = torch.tensor([int(here)])
        dist.all_reduce(flag, dist.ReduceOp.MAX, group=self.control)
        return bool(flag.item())

    def mean(self, values: Sequence[Tensor]) -> list[float]:
        """Scalars averaged over all processes; each tensor []."""
        stacked = torch.stack([value.detach().float() for value in values]).cpu()
        if self.size > 1:
            dist.all_reduce(stacked, group=self.control)
            stacked /= self.size
        mean: list[float] = stacked.tolist()
        return mean

    def wait_for_lead(self) -> None:
        """Return when every process has come here, however long the lead takes."""
        if self.size > 1:
            dist.barrier(group=self.patient)

    def from_lead(self, value: Any) -> Any:  # noqa: ANN401 - whatever the lead has
        """What the lead has, on every process."""
        if self.size == 1:
            return value
        box = [value if self.lead else None]
        dist.broadcast_object_list(box, src=0, group=self.patient)
        return box[0]

    def sharing_gradients(self, network: nn.Module) -> nn.Module:
        """The network as one whose gradients are averaged over all processes."""
        if self.size == 1:
            return network
        # u, v and batch-norm statistics are no business of the wrapper: the first are the same
        # everywhere, the second are of each process unless batch norm is synchronised
        return DistributedDataParallel(
            network,
            device_ids=[self.device.index] if self.device.type == "cuda" else None,
            gradient_as_bucket_view=True,
            **_LEAVE_BUFFERS,
        )


@contextmanager
def joined_world(device_type: str, *, timeout_seconds: float) -> Iterator[World]:
    """Join the processes that torchelastic started together, and leave them at the end.

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
    try:
        yield World(
            device=device,
            rank=dist.get_rank(),
            size=dist.get_world_size(),
            control=_cpu_group(timeout),
            patient=_cpu_group(_PATIENCE),
        )
    finally:
        dist.destroy_process_group()


def _cpu_group(timeout: timedelta) -> dist.ProcessGroup:
    group = dist.new_group(backend="gloo", timeout=timeout)
    assert isinstance(group, dist.ProcessGroup)  # noqa: S101 - every process is a member
    return group
