import errno
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from sagan.common.files import disk
from sagan.common.pixels import with_channels
from sagan.data.config import ManifestConfig, PreprocessingConfig
from sagan.data.decoding import decode_rgb
from sagan.data.image_folder import ImageFolder
from sagan.data.manifest.build import ImageRecord, build_manifest, records
from sagan.data.resizing import RESIZERS
from sagan.data.shards import build as shard_writer
from sagan.data.shards import writer as shard_store_writer
from sagan.data.shards.build import build_stores
from sagan.data.shards.store import INDEX, ShardStore
from tests.drawn_images import draw_image_folder

CONFIG = PreprocessingConfig(image_size=16, shard_images=10, workers=2)


@pytest.fixture
def root(tmp_path) -> Path:
    return draw_image_folder(tmp_path / "images")  # 3 classes, 24 + 6 images


def build_shards(*given) -> ShardStore:
    return build_stores(*given)[0]


def images_of(root: Path) -> list[ImageRecord]:
    return records(build_manifest(ImageFolder.open(root), ManifestConfig(workers=1)))


def build(root: Path, config: PreprocessingConfig = CONFIG) -> ShardStore:
    return build_shards(root, images_of(root), root.parent / "shards", config)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_store_holds_every_image_and_label(root):
    store = build(root)
    assert store.path == root.parent / "shards" / store.key
    assert (store.image_size, store.num_classes) == (16, 3)
    assert store.class_names == ("00_circle", "01_square", "02_triangle")
    assert store.splits == ("train", "val")
    for split in store.splits:
        part = store.split(split)
        images = sorted(image for image in images_of(root) if image.split == split)
        assert len(part) == len(images)
        assert part.labels.dtype == np.int64
        assert [store.class_names[n] for n in part.labels] == [i.class_name for i in images]
        every = part.read(np.arange(len(part)))
        for image, stored in zip(images, every, strict=True):
            data = (root / image.path).read_bytes()
            assert torch.equal(stored, RESIZERS[CONFIG.resizer].resize(decode_rgb(data), 16))


def test_shards_of_one_channel_are_the_grey_images_under_another_key(root):
    colour, grey = build(root), build(root, CONFIG.model_copy(update={"channels": 1}))

    assert (colour.image_channels, grey.image_channels) == (3, 1)
    assert "channels" not in colour.facts(), "keys of earlier versions stay"
    assert (grey.facts()["channels"], grey.key != colour.key) == (1, True)
    places = np.arange(24)
    images = grey.split("train").read(places)
    assert images.shape == (24, 1, 16, 16)
    assert torch.equal(images, with_channels(colour.split("train").read(places), 1))


def test_reading_gathers_in_the_asked_order_over_shards(root):
    part = build(root).split("train")
    indices = np.array([23, 0, 9, 10, 9])
    batch = part.read(indices)
    assert batch.shape == (5, 3, 16, 16)
    assert batch.is_contiguous(memory_format=torch.channels_last)
    one_by_one = torch.cat([part.read(indices[n : n + 1]) for n in range(5)])
    assert torch.equal(batch, one_by_one)
    assert part.read(np.array([], dtype=np.int64)).shape == (0, 3, 16, 16)


@pytest.mark.parametrize("shard_images", [1, 5, 24, 4096])
def test_reading_is_the_same_whatever_the_shards(root, shard_images):
    config = CONFIG.model_copy(update={"shard_images": shard_images})
    part = build(root, config).split("train")
    files = sorted(part.folder.glob("train-0*.npy"))
    naive = torch.from_numpy(np.concatenate([np.load(file) for file in files])).permute(0, 3, 1, 2)
    for indices in (np.random.default_rng(0).integers(0, 24, 100), np.arange(24)[::-1], [3]):
        batch = part.read(np.asarray(indices))
        assert torch.equal(batch, naive[torch.tensor([int(i) for i in indices])])
        assert batch.dtype == torch.uint8
        assert batch.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("index", [-1, 24])
def test_an_index_out_of_range_is_refused(root, index):
    with pytest.raises(IndexError, match="the split has 24 images"):
        build(root).split("train").read(np.array([index]))


def test_facts_are_json(root):
    facts = build(root).facts()
    assert json.loads(json.dumps(facts)) == facts
    assert facts["images"] == {"train": 24, "val": 6}


def test_bytes_do_not_depend_on_workers_or_row_order(root, tmp_path):
    images = images_of(root)
    stores = [
        build_shards(root, rows, tmp_path / str(n), CONFIG.model_copy(update={"workers": n}))
        for n, rows in ((1, images), (2, images[::-1]), (7, images))
    ]
    assert contents(stores[0].path) == contents(stores[1].path) == contents(stores[2].path)


def test_torch_keeps_its_number_of_threads(root):
    before = torch.get_num_threads()
    build(root)
    assert torch.get_num_threads() == before


def test_a_sound_store_is_reused(root, monkeypatch):
    store = build(root)
    before = {path: path.stat().st_mtime_ns for path in store.path.iterdir()}
    monkeypatch.setattr(shard_writer, "load_resized", None)  # would fail if called
    assert build(root).key == store.key
    assert {path: path.stat().st_mtime_ns for path in store.path.iterdir()} == before


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("damage", [flip_a_bit, truncate, Path.unlink])
@pytest.mark.parametrize("name", ["train-00001.npy", "val-labels.npy", INDEX])
def test_a_damaged_store_is_never_used_and_made_again(root, damage, name):
    store = build(root)
    whole = contents(store.path)
    damage(store.path / name)
    with pytest.raises((ValueError, FileNotFoundError), match=name.replace(".", r"\.")):
        ShardStore.open(store.path)
    build(root)
    assert contents(store.path) == whole


def test_a_forged_index_is_noticed(root):
    store = build(root)
    index = json.loads((store.path / INDEX).read_text())
    index["class_names"] = index["class_names"][::-1]
    (store.path / INDEX).write_text(json.dumps(index))
    with pytest.raises(ValueError, match=r"json is damaged.*preprocessing with the same --params"):
        ShardStore.open(store.path)


def test_a_writing_killed_half_way_is_no_store(root, monkeypatch):
    whole = contents(build(root).path)
    shutil.rmtree(root.parent / "shards")

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shard_store_writer, "index_checksum", killed)
        with pytest.raises(KeyboardInterrupt):
            build(root)
    (folder,) = (root.parent / "shards").iterdir()
    (folder / ".train-00000.npy.1.saving").write_bytes(b"half")
    with pytest.raises(FileNotFoundError, match="not a complete shard store"):
        ShardStore.open(folder)
    assert contents(build(root).path) == whole


@pytest.mark.parametrize(
    "change", [{"image_size": 32}, {"resizer": "bilinear_antialias"}], ids=lambda c: next(iter(c))
)
def test_another_size_or_resizer_is_another_store(root, change):
    first = build(root)
    second = build(root, CONFIG.model_copy(update=change))
    assert first.key != second.key
    assert ShardStore.open(first.path).key == first.key


def test_other_images_or_library_versions_are_another_store(root, monkeypatch):
    first = build(root)
    (root / "train/00_circle/0000.png").unlink()
    second = build(root)
    monkeypatch.setattr(shard_writer, "version", lambda name: f"{name} of tomorrow")
    third = build(root)
    assert len({first.key, second.key, third.key}) == 3
    assert first.data_hash != second.data_hash == third.data_hash


def test_shards_of_another_length_are_the_same_data(root, tmp_path):
    long = build_shards(
        root, images_of(root), tmp_path / "long", PreprocessingConfig(image_size=16)
    )
    everything = np.arange(24)
    assert torch.equal(
        long.split("train").read(everything), build(root).split("train").read(everything)
    )


def test_an_image_changed_or_removed_after_validation_is_named(root):
    images = images_of(root)
    victim = root / "train/01_square/0003.png"
    original = victim.read_bytes()
    victim.write_bytes((root / "train/01_square/0004.png").read_bytes())
    with pytest.raises(ValueError, match=r"01_square/0003\.png' was changed after validation"):
        build_shards(root, images, root.parent / "shards", CONFIG)
    victim.unlink()
    with pytest.raises(ValueError, match=r"01_square/0003\.png' was removed after validation"):
        build_shards(root, images, root.parent / "shards", CONFIG)
    assert not list((root.parent / "shards").rglob("*.saving"))
    assert not list((root.parent / "shards").rglob(INDEX))
    victim.write_bytes(original)
    assert len(build(root).split("train")) == 24


def test_no_training_image_is_refused(root):
    images = [image for image in images_of(root) if image.split == "val"]
    with pytest.raises(ValueError, match="no training image"):
        build_shards(root, images, root.parent / "shards", CONFIG)


def test_an_unknown_split_names_the_known_ones(root):
    with pytest.raises(ValueError, match="no split 'test'; it has train, val"):
        build(root).split("test")


def test_too_little_room_is_said_before_anything_is_written(root, monkeypatch):
    monkeypatch.setattr(disk, "free_bytes", lambda _: 1_000)
    needed = f"{30 * (3 * 16 * 16 + 8):,} bytes needed, 1,000 bytes free"
    with pytest.raises(OSError, match=needed):
        build(root)
    assert list((root.parent / "shards").iterdir()) == []


def test_a_disk_that_fills_up_leaves_no_part_and_is_said(root, monkeypatch):
    calls = []

    def full_after_the_probe(_):
        calls.append(1)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(disk, "sync", full_after_the_probe)
        with pytest.raises(OSError, match=r"No space left on device while writing \(.* bytes free"):
            build(root)
    (folder,) = (root.parent / "shards").iterdir()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("size", "told"),
    [(4, "8 px"), (48, "32 and 64 px"), (1024, "512 px"), ("64px", "valid integer")],
)
def test_image_size_is_a_power_of_two_between_8_and_512(size, told):
    with pytest.raises(ValueError, match=told):
        PreprocessingConfig(image_size=size)


def test_a_folder_of_stores_is_told_from_a_store(root):
    store = build(root)
    with pytest.raises(FileNotFoundError, match=f"is '{store.path}' meant"):
        ShardStore.open(store.path.parent)
