"""Shards in the making: killed and gone on with, several sizes at once, several processes."""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sagan.data.config import ManifestConfig, PreprocessingConfig
from sagan.data.image_folder import ImageFolder
from sagan.data.manifest.build import ImageRecord, build_manifest, records
from sagan.data.shards import build as shard_writer
from sagan.data.shards.build import build_stores
from sagan.data.shards.store import INDEX, ShardStore
from sagan.data.shards.writer import JOURNAL
from sagan.processes.lock import folder_lock
from tests.drawn_images import draw_image_folder

CONFIG = PreprocessingConfig(image_size=16, shard_images=5, workers=2)


def build_shards(*given) -> ShardStore:
    return build_stores(*given)[0]


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return draw_image_folder(tmp_path_factory.mktemp("shards") / "images")  # 24 + 6 images


@pytest.fixture(scope="module")
def images(root) -> list[ImageRecord]:
    return records(build_manifest(ImageFolder.open(root), ManifestConfig(workers=1)))


@pytest.fixture(scope="module")
def whole(root, images, tmp_path_factory) -> dict[str, bytes]:
    """The bytes of the store that every way must lead to."""
    return contents(build_shards(root, images, tmp_path_factory.mktemp("whole"), CONFIG).path)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def with_changes(**changes) -> PreprocessingConfig:
    return PreprocessingConfig(**(CONFIG.model_dump() | changes))


@pytest.fixture
def source(root, images, whole):
    """Images, their records, and the bytes that they become."""
    return root, images, whole


def test_what_validation_told_is_not_told_again(source, tmp_path, monkeypatch, caplog, recwarn):
    """Pillow's warnings, such as those about EXIF data."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 24 * 24 - 1)
    build_shards(*source[:2], tmp_path / "shards", CONFIG)
    assert not [text for text in caplog.messages if "Pillow" in text]
    assert not [w for w in recwarn.list if issubclass(w.category, Image.DecompressionBombWarning)]


def test_the_clock_of_the_bar_starts_with_the_first_image(tmp_path):
    """A library that the first image would import takes seconds at a cold start."""
    code = (
        "import json, sys\n"
        "from importlib import import_module\n"
        "begun = {}\n"
        "for name, library in json.loads(sys.argv[1]).items():\n"
        "    module = import_module(f'sagan.data.{name}')\n"
        "    def begins(*given, bar=module.progress_bar, name=name, library=library, **named):\n"
        "        begun[name] = library in sys.modules\n"
        "        return bar(*given, **named)\n"
        "    module.progress_bar = begins\n"
        "from tests.data.test_making_shards import *\n"
        "folder = Path(sys.argv[2])\n"
        "root = draw_image_folder(folder / 'images')\n"
        "images = records(build_manifest(ImageFolder.open(root), ManifestConfig(workers=1)))\n"
        "build_shards(root, images, folder / 'shards', CONFIG)\n"
        "print(json.dumps(begun))\n"
    )
    libraries = {"manifest.parts": "pillow_heif", "shards.build": "torchvision.io"}
    command = [sys.executable, "-c", code, json.dumps(libraries), str(tmp_path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    assert json.loads(done.stdout) == dict.fromkeys(libraries, True)


def test_the_bar_ends_with_the_last_image(root, images, tmp_path, monkeypatch):
    ended = []

    def bar(what, count, *, iterable):
        yield from iterable
        ended.append((what, count))

    monkeypatch.setattr(shard_writer, "progress_bar", bar)
    build_shards(root, images, tmp_path, CONFIG)
    assert ended == [("resizing", len(images))]


class Killed(BaseException):
    """Stands for a kill between two images."""


def killed_after(count: int, monkeypatch, read: list[str]):
    """From the nth image on, the process is dead; notes what was read."""
    load = shard_writer.load_resized

    def loading(root, sizes, resizer, record):
        if len(read) >= count:
            raise Killed
        read.append(record.path)
        return load(root, sizes, resizer, record)

    monkeypatch.setattr(shard_writer, "load_resized", loading)


@pytest.mark.parametrize(("count", "kept"), [(0, 0), (4, 0), (5, 5), (12, 10), (29, 29)])
def test_finished_shards_are_not_made_again_after_a_kill(
    count, kept, source, tmp_path, monkeypatch
):
    root, images, whole = source
    one = with_changes(workers=1)
    with monkeypatch.context() as patch:
        killed_after(count, patch, [])
        with pytest.raises(Killed):
            build_shards(root, images, tmp_path, one)
    again: list[str] = []
    killed_after(1000, monkeypatch, again)
    assert contents(build_shards(root, images, tmp_path, one).path) == whole
    assert again == [image.path for image in sorted(images)][kept:]


def test_kill_minus_nine_amid_the_writing(root, images, whole, tmp_path):
    """A real process."""
    script = tmp_path / "killed.py"
    script.write_text(
        "import sys, time\n"
        "from pathlib import Path\n"
        "from sagan.data.shards import build as shard_writer\n"
        "from sagan.data.config import PreprocessingConfig\n"
        "from sagan.data.manifest.build import ImageRecord\n"
        "load = shard_writer.load_resized\n"
        "def slow(*given):\n"
        "    time.sleep(0.02)\n"
        "    return load(*given)\n"
        "shard_writer.load_resized = slow\n"
        f"images = [ImageRecord(*row) for row in {[tuple(image) for image in images]!r}]\n"
        f"config = PreprocessingConfig(**{CONFIG.model_dump()!r} | {{'workers': 1}})\n"
        "print('ready', flush=True)\n"
        f"print(shard_writer.build_stores(Path({str(root)!r}), images, Path({str(tmp_path)!r}), "
        "config)[0].path)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    for seconds in (0.3, 60):
        process = subprocess.Popen(
            [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment
        )
        assert process.stdout.readline() == "ready\n"
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate()
    assert process.returncode == 0
    (folder,) = tmp_path.glob("[0-9a-f]*")
    assert contents(folder) == whole


def test_a_torn_journal_line_is_no_shard(root, images, whole, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        killed_after(12, patch, [])
        with pytest.raises(Killed):
            build_shards(root, images, tmp_path, with_changes(workers=1))
    (journal,) = tmp_path.glob(f"*/{JOURNAL}")
    journal.write_bytes(journal.read_bytes()[:-20])
    assert contents(build_shards(root, images, tmp_path, CONFIG).path) == whole


def test_shards_cut_to_another_length_are_not_mixed(root, images, whole, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        killed_after(15, patch, [])
        with pytest.raises(Killed):
            build_shards(root, images, tmp_path, with_changes(workers=1, shard_images=4))
    assert contents(build_shards(root, images, tmp_path, CONFIG).path) == whole


@pytest.mark.parametrize("damage", ["truncated", "flipped", "foreign", "gone"])
def test_of_a_damaged_store_only_the_damaged_shard_is_made_again(
    damage, source, tmp_path, monkeypatch, caplog
):
    root, images, whole = source
    store = build_shards(root, images, tmp_path, CONFIG)
    victim = store.path / "train-00002.npy"
    data = bytearray(victim.read_bytes())
    if damage == "truncated":
        victim.write_bytes(data[:-1])
    elif damage == "flipped":
        data[-1] ^= 1
        victim.write_bytes(data)
    elif damage == "foreign":
        shutil.copy(store.path / "train-00001.npy", victim)
    else:
        victim.unlink()
    read: list[str] = []
    killed_after(1000, monkeypatch, read)
    with caplog.at_level(logging.WARNING):
        assert contents(build_shards(root, images, tmp_path, CONFIG).path) == whole
    assert sorted(read) == [image.path for image in sorted(images)][10:15]
    assert "train-00002.npy" in caplog.text
    assert "run preprocessing again" not in caplog.text  # it is running


def test_another_store_under_the_name_is_not_taken(root, images, whole, tmp_path):
    ours = build_shards(root, images, tmp_path / "a", CONFIG).path
    foreign = build_shards(root, images, tmp_path / "b", with_changes(resizer="lanczos")).path
    shutil.rmtree(ours)
    shutil.copytree(foreign, ours)
    assert contents(build_shards(root, images, tmp_path / "a", CONFIG).path) == whole


def test_several_sizes_in_one_pass_are_the_stores_of_as_many(
    root, images, whole, tmp_path, monkeypatch
):
    read: list[str] = []
    killed_after(1000, monkeypatch, read)
    stores = build_stores(
        root, images, tmp_path / "together", with_changes(also_sizes=[64, 32, 16])
    )
    assert [store.image_size for store in stores] == [16, 64, 32]
    assert len(read) == len(images)
    assert contents(stores[0].path) == whole
    for store in stores[1:]:
        config = with_changes(image_size=store.image_size)
        alone = build_shards(root, images, tmp_path / "alone", config)
        assert contents(store.path) == contents(alone.path)
        assert build_shards(root, images, tmp_path / "together", config).path == store.path


def test_a_size_that_is_there_is_not_made_again(root, images, tmp_path):
    first = build_shards(root, images, tmp_path, CONFIG)
    before = {path: path.stat().st_mtime_ns for path in first.path.iterdir()}
    build_stores(root, images, tmp_path, with_changes(also_sizes=[32]))
    assert {path: path.stat().st_mtime_ns for path in first.path.iterdir()} == before


def test_each_size_is_made_once():
    assert with_changes(also_sizes=[32, 16, 32]).sizes == (16, 32)


@pytest.mark.parametrize("given", [17, "small", [16, 17], "16;32", 1.5])
def test_more_sizes_that_are_none_are_refused(given):
    with pytest.raises(ValueError, match=r"also_sizes"):
        with_changes(also_sizes=given)


def test_two_processes_that_want_the_same_shards_make_them_once(root, images, tmp_path, caplog):
    with ThreadPoolExecutor(1) as other:
        with folder_lock(tmp_path):
            waiting = other.submit(build_shards, root, images, tmp_path, CONFIG)
            assert not wait([waiting], timeout=0.3).done
        assert waiting.result().image_size == 16
    assert "another process is writing into" in caplog.text


def test_what_it_takes_is_said_before_it_starts(root, images, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        build_stores(root, images, tmp_path, with_changes(also_sizes=[32]))
    assert "30 images at 16 and 32 px take 116kB" in caplog.text
    assert "are free" in caplog.text


def test_names_of_classes_go_with_the_shards_and_change_no_key(root, images, tmp_path):
    (plain,) = build_stores(root, images, tmp_path, CONFIG)
    titles = {"00_circle": "a round thing"}
    (named,) = build_stores(root, images, tmp_path, CONFIG, titles)
    assert named.class_titles == titles
    again = ShardStore.open(plain.path)
    assert (again.key, again.class_titles) == (plain.key, titles)
    (untitled,) = build_stores(root, images, tmp_path, CONFIG)
    assert untitled.index == again.index


# --- what was verified is not hashed again


@pytest.fixture
def hashed(monkeypatch) -> list[str]:
    """Names of the files that were hashed."""
    names: list[str] = []
    from sagan.data.shards import store as shards

    original = shards.file_sha256

    def noting(path: Path) -> str:
        names.append(path.name)
        return original(path)

    monkeypatch.setattr(shards, "file_sha256", noting)
    return names


def settle(folder: Path) -> None:
    """Make the files of a store look as if they had been left alone for a while."""
    long_ago = time.time_ns() - 60_000_000_000
    for path in folder.iterdir():
        os.utime(path, ns=(long_ago, long_ago))


@pytest.fixture
def settled(root, images, tmp_path, monkeypatch) -> Path:
    """A store that was written, and verified, a while ago."""
    store = build_shards(root, images, tmp_path, CONFIG)
    settle(store.path)
    monkeypatch.setattr(
        "sagan.data.shards.checksum_cache.SETTLED_NS", 0
    )  # else its test takes two seconds
    ShardStore.open(store.path)
    return store.path


def test_a_store_that_was_verified_is_not_hashed_at_the_next_start(settled, hashed):
    ShardStore.open(settled)
    assert hashed == []
    ShardStore.open(settled, use_cache=False)
    assert len(hashed) == 9


def test_a_changed_file_is_hashed_and_found(settled, hashed):
    victim = settled / "train-00001.npy"
    data = bytearray(victim.read_bytes())
    data[-1] ^= 1
    victim.write_bytes(data)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"train-00001\.npy was changed"):
            ShardStore.open(settled)
    assert hashed == ["train-00001.npy"] * 2


def test_a_change_that_hides_its_time_is_found(settled):
    victim = settled / "train-00001.npy"
    status = victim.stat()
    data = bytearray(victim.read_bytes())
    data[-1] ^= 1
    victim.write_bytes(data)
    os.utime(victim, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(ValueError, match=r"train-00001\.npy was changed"):
        ShardStore.open(settled)


def test_a_change_within_the_clocks_tick_is_found(root, images, tmp_path, hashed):
    """A file that has just been written is hashed again, whatever the note says."""
    store = build_shards(root, images, tmp_path, CONFIG)
    ShardStore.open(store.path)
    ShardStore.open(store.path)
    assert len(hashed) == 18


def test_a_copy_of_a_store_is_verified_anew(settled, tmp_path, hashed):
    shutil.copytree(settled, tmp_path / "elsewhere" / settled.name)
    ShardStore.open(tmp_path / "elsewhere" / settled.name)
    assert len(hashed) == 9


def test_a_damaged_note_or_none_costs_time_only(settled, hashed):
    note = settled.parent / f".{settled.name}.verified.json"
    for text in ("{", "[]", json.dumps({"index": "other", "files": {}})):
        note.write_text(text)
        hashed.clear()
        ShardStore.open(settled)
        assert len(hashed) == 9
    note.unlink()
    hashed.clear()
    ShardStore.open(settled)
    assert len(hashed) == 9


def test_more_shards_than_open_files_are_allowed(root, images, tmp_path):
    import resource

    config = with_changes(shard_images=1)
    part = build_shards(root, images, tmp_path, config).split("train")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    in_use = len(list(Path("/proc/self/fd").iterdir()))
    resource.setrlimit(resource.RLIMIT_NOFILE, (in_use + 12, hard))
    try:
        everything = part.read(np.arange(24))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert everything.shape == (24, 3, 16, 16)


def test_mapped_shards_cannot_be_written_to(root, images, tmp_path):
    part = build_shards(root, images, tmp_path, CONFIG).split("train")
    with pytest.raises(ValueError, match="read-only"):
        part._maps[0][0] = 0


def test_the_index_is_what_makes_a_store(root, images, tmp_path):
    store = build_shards(root, images, tmp_path, CONFIG)
    assert sorted(path.name for path in store.path.iterdir()) == [
        INDEX,
        *(f"train-{n:05d}.npy" for n in range(5)),
        "train-labels.npy",
        *(f"val-{n:05d}.npy" for n in range(2)),
        "val-labels.npy",
    ]
