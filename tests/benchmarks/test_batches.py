"""What the benchmark of reading compares is the same images, and it prints what it should."""

import json
import sys

import pytest
import torch
from torchvision.io import decode_image

from benchmarks import batches
from sagan.data.shards.store import ShardStore


def test_drawn_images_are_a_class_folder_of_the_asked_size(tmp_path):
    root = batches.draw_images(tmp_path, size=16, count=10)

    files = sorted(root.glob("train/*/*.jpg"))
    assert len(files) == 10
    assert len({file.read_bytes() for file in files}) == 10
    for file in files:
        image = decode_image(str(file)).float()
        assert image.shape == (3, 16, 16)
        assert image.std() > 10


def test_shards_hold_the_same_images_in_as_many_files_as_asked_for(tmp_path):
    root = batches.draw_images(tmp_path / "images", size=16, count=12)
    few = batches.make_batches(root, tmp_path / "few", 16)
    many = batches.make_batches(root, tmp_path / "many", 16, shards=6)

    (store,) = (tmp_path / "many").glob("[!.]*")
    assert len(ShardStore.open(store).split("train").shards) == 6
    for ours, theirs in zip(few.read(0, 12), many.read(0, 12), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.slow  # workers of a data loader
def test_a_reader_reads_on_and_tells_images_a_second(tmp_path):
    root = batches.draw_images(tmp_path / "images", size=16, count=12)
    ours = batches.make_batches(root, tmp_path / "shards", 16)
    readers = {
        "shards": batches.shard_reader(ours, batch_size=4, seconds=0.0),
        "folder": batches.folder_reader(root, 16, batch_size=4),
    }

    rates = batches.interleave(readers, rounds=2)

    assert {name: len(values) for name, values in rates.items()} == {"shards": 2, "folder": 2}
    assert min(min(values) for values in rates.values()) > 0


@pytest.mark.slow  # workers of a data loader
def test_prints_a_table_and_one_json_line(capsys, monkeypatch):
    words = ["--sizes", "16", "32", "--count=8", "--batch-size=4", "--rounds=1", "--seconds=0"]
    words += ["--base-channels=8", "--step-batch-size=2"]
    monkeypatch.setattr(sys, "argv", ["batches", *words])

    batches.main()

    lines = capsys.readouterr().out.splitlines()
    assert sum("ImageFolder" in line for line in lines) == 2
    result = json.loads(lines[-1])
    measured = {f"{name}_{size}" for name in ("ratio", "images_per_second") for size in (16, 32)}
    assert set(result) == measured | {"share_of_step"}
    assert min(result.values()) > 0
