"""Launchers outside this program (torchrun, srun, MPI), which start several processes."""

import multiprocessing
import os
from collections.abc import Mapping

# number of processes, and the variable that each of them has for its own place: the number alone
# may be left over in a shell. SLURM_NTASKS is not here: it is what an allocation may start
_VARIABLES = {
    "torchrun": ("WORLD_SIZE", "RANK"),
    "srun": ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID"),
    "mpirun": ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),
    "mpiexec": ("PMI_SIZE", "PMI_RANK"),
}


def refuse_copies(machines: int, variables: Mapping[str, str] = os.environ) -> None:
    """Refuse to be one of several equal processes: each would train the whole run.

    One process per machine is what a training on several machines needs. Children of this program
    are not refused: the workers of a study share a queue, wherever they were started.

    Args:
        machines: that the training was configured for.
        variables: of the environment.

    Raises:
        ValueError: naming the launcher and the parameters that start the processes instead.
    """
    if multiprocessing.parent_process() is not None:
        return
    for launcher, (count, place) in _VARIABLES.items():
        started = variables.get(count, "")
        if place in variables and started.isdecimal() and int(started) not in {1, machines}:
            raise ValueError(
                f"{launcher} started {started} processes ({count}), and each would train the whole "
                "run: start one per machine, and set training.devices to its number of GPUs and, "
                "for several machines, training.nnodes and training.rdzv_endpoint"
            )
