import torch

from sagan.training.core.inputs import add_real_noise

IMAGES = torch.zeros(8, 3, 4, 4)


def noisy(images=IMAGES, share=slice(0, 8), **changes):
    facts = {"seed": 0, "images_seen": 16, "batch_size": 8} | changes
    return add_real_noise(images, 1 / 128, share=share, **facts)


def test_uniform_between_0_and_the_amount():
    noise = add_real_noise(
        torch.zeros(64, 3, 32, 32), 0.5, seed=0, images_seen=0, batch_size=64, share=slice(0, 64)
    )

    assert 0 <= noise.min() < 0.001
    assert 0.499 < noise.max() <= 0.5
    assert abs(noise.mean() - 0.25) < 0.002


def test_is_a_function_of_seed_images_seen_and_global_index():
    state = torch.get_rng_state()

    assert torch.equal(noisy(), noisy())
    parts = [noisy(IMAGES[:4], slice(0, 4)), noisy(IMAGES[4:], slice(4, 8))]
    assert torch.equal(torch.cat(parts), noisy())
    assert not torch.equal(noisy(seed=1), noisy())
    assert not torch.equal(noisy(images_seen=24), noisy())
    assert torch.equal(state, torch.get_rng_state())


def test_none_leaves_the_images_as_they_are():
    assert (
        add_real_noise(IMAGES, 0.0, seed=0, images_seen=0, batch_size=8, share=slice(0, 8))
        is IMAGES
    )
