import numpy as np
import pytest
import torch
from PIL import Image

from sagan.metrics.image_sets import LoadedImages, describe_sizes, open_images
from tests.data.test_orientation import tagged


def noise(count: int, height: int = 8, width: int = 8) -> np.ndarray:
    """uint8 [N, H, W, 3]."""
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def save(path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def all_of(images, batch_size: int = 3) -> list[np.ndarray]:
    """Every image, uint8 [H, W, 3]."""
    batches = list(images.read(batch_size))
    assert all(len(batch) <= batch_size for batch in batches)
    return [image.permute(1, 2, 0).numpy() for batch in batches for image in batch]


def test_a_flat_folder_has_images_without_labels(tmp_path, caplog):
    pixels = noise(5)
    for number, image in enumerate(pixels):
        save(tmp_path / "flat" / f"{number}.png", image)
    (tmp_path / "flat" / "notes.txt").write_text("no image")

    images = open_images(tmp_path / "flat", "train")

    assert (images.count, images.labels, images.class_names) == (5, None, None)
    assert all((a == b).all() for a, b in zip(all_of(images), pixels, strict=True))
    assert "1 *.txt" in caplog.text
    assert images.labels_among(("a", "b")) is None
    assert images.labels_among(("images",)).tolist() == [0] * 5  # the only class that there is


def test_class_folders_are_labels(tmp_path):
    pixels = noise(5)
    for name, number in (("b", 0), ("a%2Fc", 1), ("b", 2), ("b", 3), ("a%2Fc", 4)):
        save(tmp_path / name / f"{number}.png", pixels[number])

    images = open_images(tmp_path, "train")

    assert images.class_names == ("a%2Fc", "b")
    assert images.labels.tolist() == [0, 0, 1, 1, 1]
    order = [1, 4, 0, 2, 3]
    assert all((a == pixels[n]).all() for a, n in zip(all_of(images), order, strict=True))
    # by the class's name, or by what `sagan sample --pngs` calls its folder
    assert images.labels_among(("z", "b", "a/c")).tolist() == [2, 2, 1, 1, 1]
    assert images.labels_among(("b", "z")) is None


def test_a_batch_ends_where_the_size_changes(tmp_path):
    sizes = [(8, 8), (8, 8), (8, 8), (8, 9), (8, 9), (8, 8)]
    for number, size in enumerate(sizes):
        save(tmp_path / f"{number}.png", noise(1, *size)[0])

    batches = list(open_images(tmp_path, "train").read(2))

    assert [tuple(batch.shape) for batch in batches] == [
        *((2, 3, 8, 8), (1, 3, 8, 8), (2, 3, 8, 9), (1, 3, 8, 8))
    ]


def test_photographs_are_upright(tmp_path):
    (tmp_path / "1.png").write_bytes(tagged(6, "PNG"))
    (tmp_path / "2.jpg").write_bytes(tagged(6, "JPEG"))
    with Image.open(tmp_path / "1.png") as image:
        lying = image.size
    assert lying[0] != lying[1]
    for image in all_of(open_images(tmp_path, "train")):
        assert image.shape[:2] == lying


def test_arrays_of_other_projects_are_read(tmp_path):
    pixels = noise(4, 8, 9)
    np.savez(tmp_path / "theirs.npz", pixels)  # called arr_0

    images = open_images(tmp_path / "theirs.npz", "train")

    assert (images.count, images.labels) == (4, None)
    assert (np.stack(all_of(images)) == pixels).all()


@pytest.mark.parametrize(
    ("images_name", "labels_name", "channels"),
    [
        *(("images", "class_labels", 3), ("images", "class_labels", 1)),
        *(("x", "y", 3), ("arr_0", "arr_1", 3), ("arr_0", "arr_1", 1)),
    ],
)
def test_labels_of_arrays_are_read(tmp_path, images_name, labels_name, channels):
    pixels, labels = noise(4).transpose(0, 3, 1, 2)[:, :channels], np.array([2, 0, 1, 1])
    stored = pixels.transpose(0, 2, 3, 1) if images_name == "arr_0" else pixels
    np.savez(tmp_path / "ours.npz", **{images_name: stored, labels_name: labels})

    images = open_images(tmp_path / "ours.npz", "train")

    assert images.labels_among(("a", "b", "c")).tolist() == labels.tolist()
    assert (np.stack(all_of(images)).transpose(0, 3, 1, 2) == pixels).all()


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        (
            {"arr_0": np.zeros((4, 3, 8, 8), np.uint8)},
            r"\[N, H, W, C\] with C of 1 or 3, got uint8 \[4, 3",
        ),
        ({"arr_0": np.zeros((4, 8, 8, 3))}, "uint8"),
        ({"arr_0": np.zeros((0, 8, 8, 3), np.uint8)}, "uint8"),
        ({"mu": np.zeros(4), "sigma": np.zeros((4, 3))}, r"sigma \[D, D\]"),
        ({"arr_0": np.zeros((4, 8, 8, 3), np.uint8), "arr_1": np.zeros(3, int)}, r"arr_1 \[4\]"),
        ({"other": np.zeros(4)}, "arr_0"),
    ],
)
def test_other_arrays_are_refused(tmp_path, arrays, said):
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(ValueError, match=said):
        open_images(tmp_path / "other.npz", "train")


def test_shards_are_a_split(shards):
    images = open_images(shards.path, "val")

    assert images.count == len(shards.split("val"))
    assert images.labels_among(shards.class_names).tolist() == shards.split("val").labels.tolist()
    every = shards.split("val").read(np.arange(images.count))
    assert torch.equal(torch.cat(list(images.read(5))), every)


def test_a_folder_that_does_not_say_what_is_meant_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="or images in"):
        open_images(tmp_path, "train")
    save(tmp_path / "root/train/a/1.png", noise(1)[0])
    with pytest.raises(FileNotFoundError, match="root/train' meant"):
        open_images(tmp_path / "root", "train")
    save(tmp_path / "root/train/grid.png", noise(1)[0])
    with pytest.raises(ValueError, match=r"grid\.png.* beside folders of images"):
        open_images(tmp_path / "root/train", "train")
    with pytest.raises(FileNotFoundError):
        open_images(tmp_path / "nowhere", "train")


def test_a_file_that_is_no_image_is_named(tmp_path):
    (tmp_path / "1.png").write_text("no image")
    with pytest.raises(ValueError, match=r"1\.png' cannot be decoded"):
        all_of(open_images(tmp_path, "train"))
    (tmp_path / "1.png").rename(tmp_path / "0\n.png")
    with pytest.raises(ValueError, match=r"0\\n\.png' cannot be decoded"):
        all_of(open_images(tmp_path, "train"))


def test_loaded_images_are_what_a_network_is_trained_on(tmp_path):
    pixels, labels = noise(4).transpose(0, 3, 1, 2), np.array([2, 0, 1, 1])
    for name, order in (("one", labels), ("two", labels[::-1])):
        np.savez(tmp_path / f"{name}.npz", images=pixels, class_labels=order)
    one, two = (LoadedImages(open_images(tmp_path / f"{n}.npz", "train")) for n in ("one", "two"))

    assert (one.image_size, one.num_classes, one.splits) == (8, 3, ("train",))
    assert torch.equal(one.split("train").read(np.array([3, 0])), torch.from_numpy(pixels[[3, 0]]))
    assert one.key != two.key
    np.savez(tmp_path / "wide.npz", noise(2, 8, 9))
    with pytest.raises(ValueError, match=r"squares of one size, but .* 9x8 px"):
        _ = LoadedImages(open_images(tmp_path / "wide.npz", "train")).image_size


def test_sizes_in_words():
    assert describe_sizes([(8, 9)]) == "9x8 px"
    assert describe_sizes([(8, 9), (4, 4), (20, 10)]) == "3 sizes from 4x4 to 10x20 px"


def test_colours_that_are_not_measured_are_told(tmp_path, caplog):
    pixels = noise(4)
    for name, written in (("grey", pixels[..., :1].repeat(3, axis=3)), ("colour", pixels)):
        np.savez(tmp_path / f"{name}.npz", written)
        images = open_images(tmp_path / f"{name}.npz", "train")
        assert torch.cat(list(images.read_as(3, 2))).shape[1] == 3
        assert torch.cat(list(images.read_as(1, 2))).shape[1] == 1
        assert ("colour.npz' has images in colour" in caplog.text) == (name == "colour")


def test_a_folder_of_stores_is_told_from_images(tmp_path):
    (tmp_path / "key").mkdir()
    (tmp_path / "key" / "index.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match=f"is '{tmp_path / 'key'}' meant"):
        open_images(tmp_path, "train")
