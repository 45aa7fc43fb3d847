import numpy as np
import torch

from sagan.data.batches import Batches, batch_indices


class Split:
    """Ten 2x2 images; image i is filled with the value i, its label is i % 3."""

    labels = np.arange(10) % 3

    def __len__(self):
        return 10

    def read(self, indices):
        images = torch.zeros(len(indices), 3, 2, 2, dtype=torch.uint8)
        images[:, :, :, 0] = torch.from_numpy(indices.astype(np.uint8))[:, None, None]
        return images


def test_every_image_comes_once_an_epoch_in_an_order_of_its_own():
    first, second = batch_indices(0, 0, 10, 10), batch_indices(0, 10, 10, 10)

    assert sorted(first) == sorted(second) == list(range(10))
    assert list(first) != list(second)


def test_how_positions_are_cut_into_batches_does_not_matter():
    whole = batch_indices(3, 0, 24, 10)
    pieces = [batch_indices(3, first, 4, 10) for first in range(0, 24, 4)]

    assert np.array_equal(whole, np.concatenate(pieces))


def test_a_batch_larger_than_the_data_set():
    assert np.bincount(batch_indices(0, 5, 30, 10)).min() >= 2


def test_images_and_labels_belong_together():
    images, labels = Batches(Split(), seed=1).read(7, 6)

    assert torch.equal(labels, images[:, 0, 0, 0].long() % 3)
    assert labels.dtype == torch.int64


def test_flips_mirror_about_half_and_always_the_same_ones():
    batches = Batches(Split(), seed=1, horizontal_flip=True)
    images, _ = batches.read(0, 400)
    mirrored = images[:, 0, 0, 1] > 0

    assert 130 < mirrored.sum() < 230  # one image in ten is blank, and looks unmirrored
    assert torch.equal(images, batches.read(0, 400)[0])
    assert not torch.equal(images, Batches(Split(), seed=1).read(0, 400)[0])


def test_an_image_is_mirrored_or_not_however_positions_are_cut_into_batches():
    batches = Batches(Split(), seed=1, horizontal_flip=True)

    whole, _ = batches.read(0, 24)
    pieces = [batches.read(first, 4)[0] for first in range(0, 24, 4)]

    assert torch.equal(whole, torch.cat(pieces))


def test_seeds_differ():
    assert list(batch_indices(0, 0, 10, 10)) != list(batch_indices(1, 0, 10, 10))
