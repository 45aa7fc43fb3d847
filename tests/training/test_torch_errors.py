import os
import re
import subprocess
import sys

import pytest
import torch
import yaml
from torch._inductor.exc import InductorError

from sagan.training.torch_errors import CompileError, OutOfMemoryError, reworded_torch_errors
from tests.training.conftest import TINY

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        MemoryError(),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
        torch.distributed.DistBackendError(
            "NCCL error in: NCCLUtils.cpp:94, unhandled cuda error\nLast error:\n"
            "Cuda failure 2 'out of memory'"
        ),
        torch.distributed.DistBackendError(
            "NCCL error in: NCCLUtils.cpp:94, unhandled cuda error\nLast error:\n"
            "Failed to CUDA calloc async 4 bytes"
        ),
        RuntimeError("FIND was unable to find an engine to execute this computation"),
        torch.AcceleratorError("CUDA error: out of memory\nSearch for `cudaErrorMemory..."),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory"
        ),
    ],
)
def test_names_the_batch_and_the_remedy(tiny, error):
    with (
        pytest.raises(OutOfMemoryError, match=r"batch_size 64, 32 images in one pass.*per_pass=16"),
        reworded_torch_errors(tiny(batch_size=64, images_per_pass=32), CPU),
    ):
        raise error


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"batch_size": 9}, "set training.images_per_pass=3 (the same"),
        (
            {"batch_size": 12, "generator_batch_size": 20},
            "set training.images_per_pass=4 (the same",
        ),
        ({"batch_size": 8, "images_per_pass": 1}, "in one pass of a process; set a smaller batch"),
    ],
)
def test_the_remedy_is_one_that_training_takes(tiny, changes, remedy):
    with pytest.raises(OutOfMemoryError) as raised, reworded_torch_errors(tiny(**changes), CPU):
        raise MemoryError

    assert remedy in str(raised.value)
    if found := re.search(r"images_per_pass=(\d+)", remedy):
        tiny(**changes | {"images_per_pass": int(found[1])})  # else refused


def test_another_error_stays_what_it_is(tiny):
    with pytest.raises(RuntimeError, match=r"^shape"), reworded_torch_errors(tiny(), CPU):
        raise RuntimeError("shape mismatch")


def run(script, code, *arguments):
    script.write_text(code)
    return subprocess.run(
        [sys.executable, str(script), *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )


LIMITED = """
import resource, sys
import torch
from sagan.commands.group import main
resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit}))
sys.exit(main(['train', *sys.argv[1:]]))
"""


def test_a_host_out_of_memory_ends_in_one_message(shards, tmp_path):
    """A real limit on the address space: what is there after imports, and a little more."""
    config = tmp_path / "training.yml"
    config.write_text(yaml.safe_dump({"training": TINY | {"batch_size": 8192}}))
    arguments = [str(shards.path), "--out", str(tmp_path / "out"), "--config", str(config)]
    limit = int(run(tmp_path / "size.py", _SIZE).stdout) + (600 << 20)

    done = run(tmp_path / "limited.py", LIMITED.format(limit=limit), *arguments)

    assert done.returncode == 1, done.stderr
    assert "out of memory on cpu with training.batch_size 8192" in done.stderr
    assert "set training.images_per_pass=4096" in done.stderr
    assert "Traceback" not in done.stderr


_SIZE = """
import re
import torch
import sagan.training.run
print(int(re.search(r"VmSize:\\s+(\\d+)", open("/proc/self/status").read()).group(1)) * 1024)
"""


def test_a_failed_compilation_names_its_cache(tiny, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "/cache")
    error = InductorError(ImportError("x.main.so: file too short\nSet TORCH_LOGS"), None)
    named = "compile default failed: ImportError: x.main.so: file too short; .* its cache, /cache,"
    with (
        pytest.raises(CompileError, match=named) as raised,
        reworded_torch_errors(tiny(compile="default"), CPU),
    ):
        raise error
    assert "\n" not in str(raised.value)
