"""The Dockerfile without Docker: what it copies exists, its packages are those of the lock."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
LOCK = ROOT / "requirements.lock"
CUDA = re.compile(r"triton|nvidia-.*|cuda-.*")


def packages(text: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9][a-z0-9.-]*)==", text, re.MULTILINE))


def test_what_it_copies_is_there_and_what_is_heavy_stays_outside() -> None:
    copied = [
        word for line in re.findall(r"^COPY (.+)", DOCKERFILE, re.M) for word in line.split()[:-1]
    ]
    assert {"requirements.lock", "."} <= set(copied)
    assert all((ROOT / name).exists() for name in copied)
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {".venv", ".git", "data/*/*", "conf/local/*", ".dvc/cache"} <= set(ignored)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_it_installs_the_packages_of_the_lock(device: str, tmp_path: Path) -> None:
    """Its own shell lines, with a `uv` that writes down what it is asked for."""
    (block,) = re.findall(r'^RUN (if \[ "\$DEVICE" .+?fi)$', DOCKERFILE, re.M | re.S)
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    asked = 'for word; do case $word in *.lock) cat "$word" ;; *==*) echo "$word" ;; esac; done'
    uv.write_text(f"#!/bin/sh\n({asked}) >> asked.txt\n")
    uv.chmod(0o755)
    (tmp_path / LOCK.name).write_bytes(LOCK.read_bytes())
    path = f"{uv.parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        ["sh", "-ec", block.replace("\\\n", " ")],
        cwd=tmp_path,
        env={"PATH": path, "DEVICE": device},
        check=True,
    )
    every, found = packages(LOCK.read_text()), packages((tmp_path / "asked.txt").read_text())
    assert {"torch", "torchvision", "kedro"} <= found
    left_out = {name for name in every if device == "cpu" and CUDA.fullmatch(name)}
    assert found == every - left_out


def test_it_has_the_compiler_that_training_compile_needs() -> None:
    assert re.search(r"^    && apt-get install .* g\+\+ \\$", DOCKERFILE, re.M)
