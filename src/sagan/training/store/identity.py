"""Identity of a run, and the environment that it is computed in.

The identity is the parameters, data and code that decide the weights. It names the run's folder: an
interrupted run resumes, a changed one starts afresh. The environment (device, processes, threads,
versions) is recorded beside it, since bit-exactness is promised within one environment.
"""

import platform
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

import sagan
from sagan.common.files import json_sha256, source_hash
from sagan.data.shards.store import ShardStore
from sagan.training.config import TrainingConfig
from sagan.training.store.trained_model import find_model, recorded_hashes

# the code that decides the weights, as whole files and folders
_CODE = ("common/pixels.py", "models", "training/core")


def run_identity(
    config: TrainingConfig, shards: ShardStore, runs_dir: Path | None = None
) -> dict[str, Any]:
    """Parameters, data and code that decide a run's weights, JSON-able.

    Args:
        config: of the run.
        shards: the images.
        runs_dir: folder of all runs, where `start_from` may name one.

    Raises:
        FileNotFoundError: if the model to start from is missing, and no run has started from it.
        ValueError: if it is not a trained model.
    """
    identity = {
        "parameters": config.for_image_size(shards.image_size).resolved().dump(affecting="weights"),
        "data": {
            "key": shards.key,
            "data_hash": shards.data_hash,
            "image_size": shards.image_size,
            "classes": shards.num_classes,
        },
        "code": code_hash(),
    }
    if config.start_from is None:
        return identity
    return identity | _start_identity(config.start_from, runs_dir, identity)


def _start_identity(given: str, runs_dir: Path | None, identity: dict[str, Any]) -> dict[str, str]:
    """The hash of the trained model; of one that is gone, as the run recorded it."""
    try:
        return {"start_from": find_model(given, runs_dir).sha256}
    except FileNotFoundError:
        if runs_dir is None:
            raise
        for sha256 in recorded_hashes(given, runs_dir):
            recorded = {"start_from": sha256}
            if (runs_dir / identity_hash(identity | recorded)).is_dir():
                return recorded
        raise


def identity_hash(identity: dict[str, Any]) -> str:
    """Twelve hexadecimal digits that name a run's folder."""
    return json_sha256(identity)[:12]


@cache  # the code that this process runs; its files may be edited meanwhile
def code_hash() -> str:
    """Hash of the source files that decide the weights, as this process found them."""
    return source_hash(*_CODE)


def environment(device: torch.device, config: TrainingConfig) -> dict[str, Any]:
    """Device, processes and versions that a run is computed with, JSON-able."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "processes": config.world_size,
        "compile": config.compile,
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "sagan": sagan.__version__,
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
        **(_gpu_versions() if device.type == "cuda" else {}),
    }


def _gpu_versions() -> dict[str, str]:
    driver = Path("/sys/module/nvidia/version")
    libraries: Any = torch.backends.cudnn, torch.cuda.nccl  # without annotations
    cudnn, nccl = (library.version() for library in libraries)
    return {
        "cuda": str(torch.version.cuda),
        "cudnn": str(cudnn),
        "nccl": ".".join(map(str, nccl)),
        "driver": driver.read_text("utf-8").strip() if driver.is_file() else "unknown",
    }


def git_commit() -> str | None:
    """The commit that the code was checked out from; None outside git.

    It ends in '-dirty' where tracked files differ from it. DVC's own record does not count: DVC
    writes `dvc.lock` while its stages run.
    """
    commit = _git("describe", "--always", "--abbrev=12", "--exclude=*")
    if not commit:
        return None
    record = ":(top,exclude,glob)**/dvc.lock"
    changed = _git("diff", "--name-only", "HEAD", "--", ":(top)", record)
    return commit if changed == "" else f"{commit}-dirty"


def _git(*words: str) -> str | None:
    try:
        found = subprocess.run(  # noqa: S603 - fixed words
            ["git", *words],  # noqa: S607
            cwd=Path(sagan.__file__).parent,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()
