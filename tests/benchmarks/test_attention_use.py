import pytest
import torch

from benchmarks.attention_use import CONDITIONS, attention_blocks, summarise
from sagan.models.config import GeneratorConfig
from sagan.models.generator import build_generator


@pytest.fixture
def generator():
    torch.manual_seed(0)
    config = GeneratorConfig(base_channels=8, latent_dim=8, attention_resolutions=(8,))
    made = build_generator(config, image_size=16, num_classes=2).eval()
    with torch.no_grad():
        for block in attention_blocks(made):
            block.gamma.fill_(2.0)
            block.query.weight.mul_(30.0)
    return made


@pytest.fixture
def inputs():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(4, 8, generator=generator), torch.tensor([0, 1, 0, 1])


@torch.no_grad()
def test_every_condition_makes_other_images(generator, inputs):
    untouched = generator(*inputs)
    CONDITIONS["as_it_is"](generator)
    assert torch.equal(generator(*inputs), untouched)
    CONDITIONS["even"](generator)
    even = generator(*inputs)
    CONDITIONS["off"](generator)
    off = generator(*inputs)
    assert not torch.allclose(even, untouched, atol=1e-4)
    assert not torch.allclose(off, even, atol=1e-4)


@torch.no_grad()
def test_looking_evenly_adds_the_mean_of_the_values(generator):
    x = torch.randn(2, attention_blocks(generator)[0].query.weight.shape[1], 8, 8)
    CONDITIONS["even"](generator)
    added = attention_blocks(generator)[0](x) - x
    torch.testing.assert_close(added, added[:, :, :1, :1].expand_as(added), atol=1e-5, rtol=1e-4)


def test_factors_are_paired_by_network():
    found = summarise({"as_it_is": [2.0, 8.0, 4.0], "even": [2.2, 8.8, 4.4], "off": [4, 8, 2]})
    assert found["even"]["factor"] == pytest.approx(1.1)
    assert found["even"]["high"] == pytest.approx(1.1, abs=1e-3)
    assert found["off"]["low"] < 1 < found["off"]["high"]
    one = summarise({"as_it_is": [2.0], "even": [3.0]})
    assert one["even"] == {"factor": 1.5, "low": None, "high": None, "p": None}
