"""What a run is, and where it ran.

A run's identity is its parameters, data and code: it names the run's folder, so that an
interrupted run resumes and a changed one starts afresh. The environment (device, threads,
versions) is recorded beside it: bit-exactness is promised within one environment.
"""

import hashlib
import json
import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch

import sagan
from sagan.data.shards import ShardStore
from sagan.training.config import TrainingConfig

# where a run is computed and how it is watched does not make it another run
_NOT_IDENTITY = {"device", "threads", "log_every_steps", "checkpoint_every_images"}
_NOT_IDENTITY |= {"keep_checkpoints"}
_CODE = ("pixels.py", "data/batches.py", "models", "training")


def run_identity(config: TrainingConfig, shards: ShardStore) -> dict[str, Any]:
    """Parameters, data and code of a run, JSON-able."""
    return {
        "parameters": config.model_dump(mode="json", exclude=_NOT_IDENTITY),
        "data": {"key": shards.key, "data_hash": shards.data_hash},
        "code": code_hash(),
    }


def identity_hash(identity: dict[str, Any]) -> str:
    """Twelve hexadecimal digits that name a run's folder."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]


def code_hash() -> str:
    """Hash of the source files that decide about a run's weights."""
    root = Path(sagan.__file__).parent
    digest = hashlib.sha256()
    for name in _CODE:
        place = root / name
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


def environment(device: torch.device) -> dict[str, Any]:
    """Where a run is computed, JSON-able."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "sagan": sagan.__version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
    }
