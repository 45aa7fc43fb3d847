import pytest
import torch

from sagan.common.pixels import to_uint8
from sagan.sampling.generate import generate, sample_bytes
from sagan.sampling.latents import sample_latents

LABELS = torch.tensor([0, 1, 2, 0, 1, 2, 0])


@pytest.fixture
def latents(generator):
    return sample_latents(len(LABELS), generator.latent_dim, 0)


def test_makes_stored_images_in_batches(generator, latents):
    batches = list(generate(generator, latents, LABELS, batch_size=3))

    assert [tuple(batch.shape) for batch in batches] == [
        (3, 3, 16, 16),
        (3, 3, 16, 16),
        (1, 3, 16, 16),
    ]
    assert {batch.dtype for batch in batches} == {torch.uint8}
    with torch.no_grad():
        assert torch.equal(torch.cat(batches), to_uint8(generator(latents, LABELS)))


@pytest.mark.parametrize("batch_size", [1, 2, 5, 100])
def test_the_batch_size_does_not_matter(generator, latents, batch_size):
    whole = torch.cat(list(generate(generator, latents, LABELS, batch_size=7)))
    parts = torch.cat(list(generate(generator, latents, LABELS, batch_size)))

    assert (whole.int() - parts.int()).abs().max() <= 1  # grey levels, of float rounding


def test_leaves_a_training_generator_as_it_was(generator, latents):
    generator.train()
    state = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    random_state = torch.get_rng_state()

    for _ in generate(generator, latents, LABELS, 4):
        assert generator.training, "between two batches the caller may go on training"
        assert not torch.is_inference_mode_enabled()

    assert all(torch.equal(state[name], tensor) for name, tensor in generator.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random_state)


def test_restores_the_mode_when_generating_fails(generator, latents, monkeypatch):
    generator.train()
    monkeypatch.setattr(type(generator), "forward", lambda *_: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        list(generate(generator, latents, LABELS, 4))

    assert generator.training


def test_gives_ordinary_tensors(generator, latents):
    batch = next(generate(generator, latents, LABELS, 4))

    batch[0] = 0  # an inference tensor would refuse


@pytest.mark.parametrize(
    ("labels", "width", "batch_size", "message"),
    [
        (LABELS, 11, 4, r"latents: expected \[N, 12\], got \[7, 11\]"),
        (LABELS[:3], 12, 4, r"class labels: expected \[7\]"),
        (LABELS + 1, 12, 4, r"2 class labels are outside 0\.\.2: \[3, 3\]"),
        (LABELS, 12, 0, "batch_size"),
    ],
)
def test_refuses_what_does_not_fit(generator, labels, width, batch_size, message):
    with pytest.raises(ValueError, match=message):
        list(generate(generator, torch.zeros(7, width), labels, batch_size))


def test_memory_of_a_sample_has_its_image_twice_and_its_latents_three_times(bundle):
    assert (bundle.image_channels, bundle.image_size, bundle.latent_dim) == (3, 16, 12)
    assert sample_bytes(bundle) == 2 * 768 + 3 * 48 + 200
