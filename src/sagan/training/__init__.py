"""Training of the two networks (paper, section 4), and what it leaves on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # torch is imported where training starts
    from pathlib import Path

    from sagan.data.shards.store import ShardStore
    from sagan.training.config import TrainingConfig
    from sagan.training.monitor.scoring import OnScore
    from sagan.training.results import TrainingResult

__all__ = ["train"]


def train(
    config: TrainingConfig,
    shards: ShardStore,
    runs_dir: Path,
    *,
    feature_cache: Path | None = None,
    on_score: OnScore | None = None,
) -> TrainingResult:
    """Train to the end of the budget, going on from the run's newest checkpoint if there is one.

    Args:
        config: the run; with several devices or machines, the processes are started from here.
        shards: the images; its `train` split is used.
        runs_dir: folder of all runs; this one works in `<runs_dir>/<identity>/`, named by its
            parameters, data and code.
        feature_cache: folder of cached features of real images, for scores; None: `features` in
            `runs_dir`.
        on_score: called with each score once its checkpoint is saved, and first with those from
            before an interruption; what it raises ends the run. For a run of one process.

    Raises:
        FileNotFoundError: scores are asked for in Inception's features, without its weights; or the
            model to start from is missing.
        TrainingInterrupted: asked to stop (SIGINT, SIGTERM, SIGHUP, SIGUSR1), after saving;
            status 75.
        NonFiniteError: the losses diverged; the last checkpoint stays.
        OutOfMemoryError: a step did not fit; the last checkpoint stays.
        FolderInUseError: another process trains this run.
        ValueError: torchrun, srun or MPI started several processes that would each train it; or
            CUDA graphs are asked for on a CPU, or torch.compile without its compiler.
        OSError: the disk is full, or may not be written to.
    """
    from sagan.processes.launchers import refuse_copies
    from sagan.training.monitor.scoring import require_scoring
    from sagan.training.results import TrainingResult
    from sagan.training.store.identity import identity_hash, run_identity

    refuse_copies(config.nnodes)
    require_scoring(config, shards, on_score)
    feature_cache = feature_cache or runs_dir / "features"
    run = runs_dir / identity_hash(run_identity(config, shards, runs_dir))
    if config.world_size > 1:
        from sagan.training.launch.torchelastic import launch

        launch(config, shards, runs_dir, feature_cache, run)
    else:
        import torch

        from sagan.common.devices import choose_device, require_compilation
        from sagan.processes.signals import stop_requests
        from sagan.training.core.distributed import DistributedContext
        from sagan.training.run import run_training

        with stop_requests() as stop:
            device = choose_device(config.device, threads=config.threads)
            require_compilation(config.compile, device.type)
            if device.index is not None:
                torch.cuda.set_device(device)  # for what takes no device, such as a stream
            context = DistributedContext(device)
            folders = {"runs_dir": runs_dir, "feature_cache": feature_cache}
            run_training(config, shards, context, stop, **folders, on_score=on_score)
    return TrainingResult.read(run)
