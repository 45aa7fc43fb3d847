import torch

from sagan.training.core.inputs import draw_latents_and_labels


def draw(seed=0, images_seen=64, role="generator", batch_size=512):
    return draw_latents_and_labels(
        seed, images_seen, role, batch_size=batch_size, latent_dim=16, num_classes=5
    )


def test_is_a_function_of_its_arguments_and_leaves_the_global_state():
    state = torch.get_rng_state()

    (z, y), (again, labels) = draw(), draw()

    assert torch.equal(z, again)
    assert torch.equal(y, labels)
    assert torch.equal(state, torch.get_rng_state())


def test_seeds_steps_and_roles_differ():
    first = draw()[0]

    for other in (draw(seed=1), draw(images_seen=128), draw(role="discriminator")):
        assert not torch.equal(first, other[0])


def test_latents_are_standard_normal_and_labels_uniform():
    z, y = draw(batch_size=20_000)

    assert abs(z.mean().item()) < 0.01
    assert abs(z.std().item() - 1) < 0.01
    assert y.bincount(minlength=5).float().div(20_000).sub(0.2).abs().max() < 0.02
