import numpy as np
import pytest
import torch

from sagan.training import train
from sagan.training.core.inputs import (
    Stream,
    add_real_noise,
    draw_latents_and_labels,
    draw_numbers,
    label_counts,
    torch_seed,
)


def draw(seed=0, images_seen=64, stream=Stream.GENERATOR_FAKES, batch_size=512, counts=None):
    sizes = {"batch_size": batch_size, "latent_dim": 16, "num_classes": 5, "class_counts": counts}
    return draw_latents_and_labels(seed, stream, images_seen, **sizes)


def test_is_a_function_of_its_arguments_and_leaves_the_global_state():
    state = torch.get_rng_state()

    (z, y), (again, labels) = draw(), draw()

    assert torch.equal(z, again)
    assert torch.equal(y, labels)
    assert torch.equal(state, torch.get_rng_state())


def test_seeds_steps_and_streams_differ():
    first = draw()[0]

    for other in (draw(seed=1), draw(images_seen=128), draw(stream=Stream.DISCRIMINATOR_FAKES)):
        assert not torch.equal(first, other[0])


def test_latents_are_standard_normal_and_labels_uniform():
    z, y = draw(batch_size=20_000)

    assert abs(z.mean().item()) < 0.01
    assert abs(z.std().item() - 1) < 0.01
    assert y.bincount(minlength=5).float().div(20_000).sub(0.2).abs().max() < 0.02


def test_labels_may_have_the_training_images_frequencies():
    (z, uniform), (same, even) = draw(), draw(counts=np.ones(5, dtype=np.int64))
    _, y = draw(batch_size=20_000, counts=np.array([95, 0, 3, 1, 1]))

    assert torch.equal(z, same)
    assert torch.equal(uniform, even)
    expected = torch.tensor([0.95, 0, 0.03, 0.01, 0.01])
    assert (y.bincount(minlength=5) / 20_000 - expected).abs().max() < 0.01
    assert not (y == 1).any()


def test_the_parameter_decides_the_labels_and_the_weights(tiny, shards):
    by_data, counts = tiny(label_sampling="data"), np.bincount(shards.split("train").labels)

    assert label_counts(tiny(), shards) is None
    assert label_counts(by_data, shards).tolist() == counts.tolist()
    assert by_data.dump(affecting="weights")["label_sampling"] == "data"


def test_streams_have_the_numbers_that_runs_before_drew_by():
    """With others a run that is resumed would draw what its beginning did not."""
    assert [stream.value for stream in Stream] == list(range(1, 12))
    assert (Stream.INITIALISATION, Stream.REAL_NOISE, Stream.COLLAPSE_MONITOR) == (1, 4, 8)
    first_word = np.random.SeedSequence((7, 4, 64)).generate_state(1, np.uint64)[0]
    assert torch_seed(7, Stream.REAL_NOISE, 64) == first_word


def test_numbers_of_an_image_are_uniform_then_normal_ones():
    numbers = draw_numbers(0, Stream.AUGMENTED_REAL, 64, batch_size=5_000, uniforms=3, normals=2)
    uniform, normal = numbers.split([3, 2], dim=1)

    assert (numbers.shape, numbers.dtype) == ((5_000, 5), torch.float32)
    assert 0 <= uniform.min() < 0.01
    assert 0.99 < uniform.max() < 1
    assert (normal.mean(0).abs() < 0.06).all()
    assert ((normal.std(0) - 1).abs() < 0.05).all()


@pytest.mark.parametrize("amount", [1 / 128, 1.0])
def test_noise_is_uniform_from_zero_to_its_amount_and_another_in_each_place(amount):
    images, sizes = torch.zeros(6, 3, 8, 10), {"seed": 3, "images_seen": 64, "batch_size": 6}

    noise = add_real_noise(images, amount, share=slice(0, 6), **sizes)

    assert 0 <= noise.min() < 0.01 * amount
    assert 0.99 * amount < noise.max() < amount
    assert noise.unique().numel() > 0.99 * noise.numel()
    assert torch.equal(
        add_real_noise(images[2:4], amount, share=slice(2, 4), **sizes), noise[2:4]
    )  # a process's share of it
    assert add_real_noise(images, 0, share=slice(0, 6), **sizes) is images


@pytest.fixture
def entropies(monkeypatch):
    """What every generator of random numbers is made from, in order."""
    taken, original = [], np.random.SeedSequence

    def noted(entropy):
        taken.append(tuple(int(word) for word in entropy))
        return original(entropy)

    monkeypatch.setattr(np.random, "SeedSequence", noted)
    return taken


def test_no_two_draws_of_a_run_share_entropy(tiny, shards, tmp_path, entropies):
    config = tiny(
        seed=7041,  # of no other test: orders and flips of an epoch are cached
        total_images=160,
        discriminator_steps=2,
        horizontal_flip=True,
        real_noise=0.01,
        augmentation={"method": "diffaugment"},
        export_raw=False,  # whose statistics are of the same fakes
        watch={"every_steps": 5},
    )

    train(config, shards, tmp_path)

    assert len(set(entropies)) == len(entropies)
    assert {seed for seed, _, _ in entropies} == {7041}
    assert {stream for _, stream, _ in entropies} == set(Stream)
    assert len({index for _, stream, index in entropies if stream == Stream.IMAGE_ORDER}) > 1
