"""Memory: how much is free, and what is refused for lack of it."""

import pytest

from sagan.common import memory
from sagan.common.memory import available_bytes, require_memory


@pytest.fixture
def free(monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda: 1_000)


@pytest.mark.usefixtures("free")
def test_what_fits_is_taken_and_what_does_not_is_refused_with_what_fits():
    require_memory("--tile", 30, lambda n: n * n)  # 900 of 1,000
    for value in (31, 10**9):
        with pytest.raises(ValueError, match=rf"--tile {value:,} needs .* GB.*; up to 30 fit$"):
            require_memory("--tile", value, lambda n: n * n)
    with pytest.raises(ValueError, match="up to 900 fit"):
        require_memory("--count", 10**23, lambda n: n)
    with pytest.raises(ValueError, match="not even 1 fits"):
        require_memory("--tile", 1, lambda n: n * 901)


@pytest.mark.parametrize(
    ("limit", "expected"), [("max", 2048_000), ("1000000", 1_000_000), (None, 2048_000)]
)
def test_free_memory_is_the_machines_or_the_containers(monkeypatch, tmp_path, limit, expected):
    (tmp_path / "meminfo").write_text("MemTotal: 4000 kB\nMemAvailable:    2000 kB\n")
    if limit is not None:
        (tmp_path / "max").write_text(f"{limit}\n")
    monkeypatch.setattr(memory, "_FREE", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_LIMIT", tmp_path / "max")
    assert available_bytes() == expected


def test_without_linux_files_it_is_the_memory_of_the_machine(monkeypatch, tmp_path):
    for name in ("_FREE", "_LIMIT"):
        monkeypatch.setattr(memory, name, tmp_path / "none")
    assert available_bytes() > 10**8
