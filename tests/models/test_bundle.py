import json

import pytest
import torch

from sagan.models.bundle import GeneratorBundle, save_bundle
from sagan.models.config import GeneratorConfig
from sagan.models.generator import build_generator

CONFIG = GeneratorConfig(base_channels=8, latent_dim=12, attention_resolutions=(8,))


@pytest.fixture
def bundle(tmp_path):
    torch.manual_seed(0)
    generator = build_generator(CONFIG, image_size=16, num_classes=3)
    facts = {"images_seen": 64}
    return save_bundle(
        tmp_path / "generator", generator, CONFIG, class_names=("a", "b", "c"), facts=facts
    )


def test_makes_the_same_images_when_loaded(bundle):
    torch.manual_seed(0)
    original = build_generator(CONFIG, image_size=16, num_classes=3).eval()
    z, y = torch.randn(2, 12), torch.tensor([0, 2])

    assert torch.equal(bundle.load()(z, y), original(z, y))
    assert (bundle.image_size, bundle.num_classes, bundle.latent_dim) == (16, 3, 12)
    assert bundle.facts == {"images_seen": 64}


def test_says_what_people_call_its_classes(bundle):
    assert bundle.shown_names == bundle.class_names
    titles = {"a": "goldfish, Carassius auratus", "unknown": "of no class here"}

    named = save_bundle(
        bundle.path,
        bundle.load(),
        CONFIG,
        class_names=bundle.class_names,
        facts={},
        class_titles=titles,
    )

    assert named.class_titles == {"a": "goldfish, Carassius auratus"}
    assert named.shown_names == ("goldfish", "b", "c")


def test_replaces_a_bundle_and_leaves_nothing_beside_it(bundle):
    torch.manual_seed(1)
    generator = build_generator(CONFIG, image_size=16, num_classes=3)

    save_bundle(bundle.path, generator, CONFIG, class_names=("x", "y", "z"), facts={})

    assert GeneratorBundle.open(bundle.path).class_names == ("x", "y", "z")
    assert [path.name for path in bundle.path.parent.iterdir()] == ["generator"]


def test_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no generator bundle at .*kedro run"):
        GeneratorBundle.open(tmp_path)


def test_a_flipped_bit_is_noticed(bundle):
    weights = bundle.path / "generator.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)

    with pytest.raises(ValueError, match=r"safetensors was changed after it was written: SHA-256"):
        bundle.load()


def of_an_earlier_version(bundle):
    """The same bundle without the weights' hash."""
    path = bundle.path / "config.json"
    config = json.loads(path.read_text())
    del config["weights_sha256"]
    path.write_text(json.dumps(config))
    return GeneratorBundle.open(bundle.path)


def test_damaged_weights(bundle):
    bundle = of_an_earlier_version(bundle)
    weights = bundle.path / "generator.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])

    with pytest.raises(ValueError, match="does not fit its config"):
        bundle.load()


def test_a_pickle_in_place_of_the_weights_is_not_run(bundle, tmp_path):
    bundle = of_an_earlier_version(bundle)

    class Payload:
        def __reduce__(self):
            return (tmp_path.joinpath("owned").touch, ())

    torch.save(Payload(), bundle.path / "generator.safetensors")

    with pytest.raises(ValueError, match="does not fit"):
        bundle.load()
    assert not (tmp_path / "owned").exists()


def test_foreign_config(bundle):
    (bundle.path / "config.json").write_text(json.dumps({"format": "other"}))

    with pytest.raises(ValueError, match="format 'other'"):
        GeneratorBundle.open(bundle.path)
