import pytest

from sagan.processes.launchers import refuse_copies

TORCHRUN = {"WORLD_SIZE": "4", "RANK": "1", "LOCAL_RANK": "1"}
SRUN = {"SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "0"}
MPI = {"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "0"}
PMI = {"PMI_SIZE": "2", "PMI_RANK": "1"}


@pytest.mark.parametrize(
    ("variables", "launcher"),
    [(TORCHRUN, "torchrun"), (SRUN, "srun"), (MPI, "mpirun"), (PMI, "mpiexec")],
)
def test_one_of_several_equal_processes_is_refused(variables, launcher):
    with pytest.raises(ValueError, match=rf"^{launcher} started \d.*devices.*nnodes.*rdzv_endp"):
        refuse_copies(1, variables)


@pytest.mark.parametrize(
    ("variables", "machines"),
    [
        ({}, 1),
        ({"SLURM_NTASKS": "8", "SLURM_PROCID": "0"}, 1),  # the shell of an allocation
        ({"SLURM_NTASKS": "8", "SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"}, 1),
        (SRUN, 4),  # one task per machine, as docs/training.md starts them
        ({"WORLD_SIZE": "8"}, 1),  # exported for another program
    ],
)
def test_a_process_alone_or_one_per_machine_is_not(variables, machines):
    refuse_copies(machines, variables)


def test_a_worker_of_a_study_is_not_refused(monkeypatch):
    monkeypatch.setattr("multiprocessing.parent_process", object)
    refuse_copies(1, TORCHRUN)
