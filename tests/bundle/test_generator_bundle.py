import json
import re
import shutil

import pytest
import torch

from sagan.bundle.generator_bundle import GeneratorBundle, RawWeights, save_bundle
from sagan.models.generator import build_generator
from sagan.network_config import GeneratorConfig
from tests.limits import small_files

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


def test_a_full_disk_is_said_and_leaves_the_bundle_that_was_there(bundle):
    """A real limit on a file's size; the weights' own library would say it as no `OSError`."""
    said = r"File too large while writing \([\d,]+ bytes needed"
    with small_files(1000), pytest.raises(OSError, match=said):
        save_bundle(bundle.path, bundle.load(), CONFIG, class_names=("x", "y", "z"), facts={})

    assert GeneratorBundle.open(bundle.path).class_names == ("a", "b", "c")
    assert [path.name for path in bundle.path.parent.iterdir()] == ["generator"]


def test_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no generator bundle at .*kedro run"):
        GeneratorBundle.open(tmp_path)


@pytest.mark.parametrize("name", ["..", "config.json"])
def test_a_bundle_beside_the_path_is_named(bundle, tmp_path, name):
    run = tmp_path / "run" / "generator"
    shutil.copytree(bundle.path, run)
    with pytest.raises(FileNotFoundError, match=f"there is one at {re.escape(str(run))}$"):
        GeneratorBundle.open(run.parent if name == ".." else run / name)


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


@pytest.fixture
def both(tmp_path):
    """Averaged weights with raw ones beside them: all weights 1, and all 2."""
    first, second = (build_generator(CONFIG, image_size=16, num_classes=2) for _ in range(2))
    for generator, value in ((first, 1.0), (second, 2.0)):
        for parameter in generator.parameters():
            torch.nn.init.constant_(parameter, value)
    facts = {"weights": "ema", "ema_decay": 0.9, "images_seen": 64}
    raw = RawWeights(second, {"weights": "raw", "ema_decay": None})
    return save_bundle(
        tmp_path / "both", first, CONFIG, class_names=("a", "b"), facts=facts, raw=raw
    )


def the_weight(bundle) -> float:
    return float(bundle.load().to_rgb.bias[0])


def test_averaged_weights_are_the_default_and_raw_ones_are_chosen_by_name(both):
    assert both.available == ("ema", "raw")
    assert (both.weights, the_weight(both)) == ("ema", 1.0)
    assert both.facts == {"weights": "ema", "ema_decay": 0.9, "images_seen": 64}

    raw = both.choose("raw")

    assert (raw.weights, the_weight(raw)) == ("raw", 2.0)
    assert raw.facts == {"weights": "raw", "ema_decay": None, "images_seen": 64}
    assert raw.available == both.available
    assert the_weight(raw.choose("ema")) == the_weight(raw.choose(None)) == 1.0
    assert the_weight(GeneratorBundle.open(both.path, "raw")) == 2.0
    assert (both.weights, the_weight(both)) == ("ema", 1.0), "choosing changes nothing"


def test_raw_weights_beside_them_leave_the_averaged_file_as_it_is(both, tmp_path):
    alone = save_bundle(
        tmp_path / "alone", both.load(), CONFIG, class_names=("a", "b"), facts=both.facts
    )
    weights = [(b.path / "generator.safetensors").read_bytes() for b in (both, alone)]
    assert weights[0] == weights[1]
    without = {k: v for k, v in both.config.items() if k != "raw"}
    assert (alone.path / "config.json").read_text() == json.dumps(without, indent=2) + "\n"
    assert not (alone.path / "generator_raw.safetensors").exists()


def rewritten(bundle, **changes) -> GeneratorBundle:
    config = {k: v for k, v in (bundle.config | changes).items() if v is not None}
    (bundle.path / "config.json").write_text(json.dumps(config))
    return GeneratorBundle.open(bundle.path)


def test_weights_that_are_not_there_are_refused_naming_those_that_are(both):
    with pytest.raises(ValueError, match=r"no best weights, but ema, raw; expected one of ema"):
        both.choose("best")
    ema_alone = rewritten(both, raw=None)
    assert ema_alone.available == ("ema",)
    with pytest.raises(ValueError, match=r"no raw weights, but ema; training\.export_raw=true"):
        ema_alone.choose("raw")
    raw_alone = rewritten(both, raw=None, facts={"weights": "raw"})
    assert the_weight(raw_alone.choose("raw")) == 1.0
    with pytest.raises(ValueError, match=r"no ema weights, but raw; set training\.ema_decay"):
        GeneratorBundle.open(both.path, "ema")


def test_a_missing_raw_file_is_missed_where_it_is_asked_for(both):
    (both.path / "generator_raw.safetensors").unlink()
    bundle = GeneratorBundle.open(both.path)
    assert bundle.available == ("ema",)
    assert the_weight(bundle) == 1.0
    with pytest.raises(FileNotFoundError, match=r"generator_raw\.safetensors is missing"):
        bundle.choose("raw")


def test_each_file_has_its_own_hash(both):
    files = [both.path / name for name in ("generator.safetensors", "generator_raw.safetensors")]
    files[1].write_bytes(files[0].read_bytes())  # sound in itself, and not what was written
    assert the_weight(both) == 1.0
    with pytest.raises(ValueError, match=r"generator_raw\.safetensors was changed after"):
        both.choose("raw").load()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"image_size": None}, "image_size: missing"),
        ({"class_names": ["a", 1]}, "class_names.1: got 1"),
        ({"class_names": ["a", "a"]}, "class_names: 1 names of classes more than once: a"),
        ({"class_titles": {"zebra": "Zebra"}}, "1 titles of classes that it does not have: zebra"),
        ({"channels": True}, "channels: got true; expected 1 or 3"),
        ({"facts": [1]}, "facts: got"),
        ({"raw": {"facts": {}}}, "raw.weights_sha256: missing"),
        ({"raw": "yes"}, "raw: got 'yes'"),
        ({"generator": {"latent_dim": 0}}, "generator.latent_dim: got 0"),
        ({"facts": "x" * 1000}, "xxx..."),
    ],
    ids=str,
)
def test_a_config_that_is_not_in_order_is_refused_where_it_is_opened(both, changes, said):
    with pytest.raises(ValueError, match="is not a generator bundle's") as caught:
        rewritten(both, **changes)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("content", [b"[1]", b"{", b"\xff", b"[" * 100_000], ids=range(4))
def test_a_config_that_is_no_object_is_refused(both, content):
    (both.path / "config.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"config\.json is not (JSON|a generator bundle's)"):
        GeneratorBundle.open(both.path)


def test_a_copy_has_the_raw_weights_or_says_nothing_of_them(both, tmp_path):
    for raw, files in ((True, 3), (False, 2)):
        folder = tmp_path / f"copy-{raw}"
        folder.mkdir()
        both.copy_to(folder, raw=raw)
        copied = GeneratorBundle.open(folder)
        assert len(list(folder.iterdir())) == files
        assert copied.available == both.available[: 1 + raw]
        assert the_weight(copied) == 1.0
        assert copied.config.get("raw") == (both.config["raw"] if raw else None)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused_by_name(tmp_path, value):
    generator = build_generator(CONFIG, image_size=16, num_classes=3)
    generator.to_rgb.bias.data[1] = value
    bundle = save_bundle(tmp_path / "g", generator, CONFIG, class_names=("a", "b", "c"), facts={})

    with pytest.raises(ValueError, match=r"generator.safetensors: 'to_rgb\.bias' has NaN or inf"):
        bundle.load()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"class_names": ["a", "b", "c"]},
            r"\(3 class names, 16 px\): .*\[2, \d+\], expected .*\[3, ",
        ),
        ({"image_size": 32}, r"\(2 class names, 32 px\): .* and \d+ more"),
    ],
    ids=str,
)
def test_a_config_that_its_weights_contradict_is_one_sentence(both, change, said):
    with pytest.raises(ValueError, match=f"does not fit its config.json {said}") as raised:
        rewritten(both, **change).load()
    assert "\n" not in str(raised.value)
