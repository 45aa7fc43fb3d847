import logging

import numpy as np
import pytest
import torch

from sagan.common.files import source_hash
from sagan.metrics.config import ClassifierConfig
from sagan.metrics.features.classifier import ClassifierFeatures, obtain_classifier
from tests.limits import small_files
from tests.small_world import small_shards

CPU = torch.device("cpu")


def test_learns_and_says_how_well(shards, classifier_config, workspace):
    trained = obtain_classifier(shards, classifier_config, workspace, CPU)

    train = shards.split("train")
    predicted = trained.predict(train.read(np.arange(len(train))))
    assert (predicted.numpy() == train.labels).mean() > 0.8
    facts = trained.facts
    assert 0 <= facts["val_accuracy"] <= 1
    assert (facts["val_images"], facts["train_images"], facts["val_split"]) == (12, 72, "val")
    assert len(facts["weights_sha256"]) == 64


def test_the_second_time_it_is_the_cached_one(shards, classifier_config, workspace, caplog):
    first = obtain_classifier(shards, classifier_config, workspace, CPU)
    with caplog.at_level(logging.INFO):
        second = obtain_classifier(shards, classifier_config, workspace, CPU)

    assert "training the classifier" not in caplog.text
    assert second.facts == first.facts
    images = shards.split("val").read(np.arange(5))
    assert torch.equal(ClassifierFeatures(first)(images), ClassifierFeatures(second)(images))


def test_is_deterministic(shards, tmp_path):
    config = ClassifierConfig(epochs=1, base_channels=8, feature_dim=8)

    one = obtain_classifier(shards, config, tmp_path / "one", CPU)
    torch.rand(3)
    two = obtain_classifier(shards, config, tmp_path / "two", CPU)

    for name, tensor in one.network.state_dict().items():
        assert torch.equal(tensor, two.network.state_dict()[name]), name


def test_another_configuration_is_another_classifier(shards, tmp_path):
    for seed in (0, 1):
        config = ClassifierConfig(epochs=1, base_channels=8, feature_dim=8, seed=seed)
        obtain_classifier(shards, config, tmp_path, CPU)

    assert len(list(tmp_path.glob("*.safetensors"))) == 2
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("damage", ["flip", "truncate", "no checksum"])
def test_a_damaged_cache_is_not_used(shards, tmp_path, caplog, damage):
    config = ClassifierConfig(epochs=1, base_channels=8, feature_dim=8)
    before = obtain_classifier(shards, config, tmp_path, CPU)
    path = next(tmp_path.glob("*.safetensors"))
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[-10] ^= 1
        path.write_bytes(content)
    elif damage == "truncate":
        path.write_bytes(content[:-20])
    else:
        path.with_suffix(".sha256").unlink()

    with caplog.at_level(logging.INFO):
        after = obtain_classifier(shards, config, tmp_path, CPU)

    assert "training the classifier" in caplog.text
    assert ("is damaged" in caplog.text) == (damage != "no checksum")
    assert after.facts == before.facts


def test_features_do_not_depend_on_the_batch(shards, classifier_config, workspace):
    extract = ClassifierFeatures(obtain_classifier(shards, classifier_config, workspace, CPU))
    images = shards.split("train").read(np.arange(20))

    tf32 = []
    hook = extract.classifier.network.feature.register_forward_hook(
        lambda *_: tf32.append(torch.backends.cudnn.allow_tf32)
    )
    parts = torch.cat([extract(part) for part in images.split(3)])
    hook.remove()

    assert set(tf32) == {False}

    assert extract.metric == "fd_classifier"
    assert parts.shape == (20, 8)
    assert torch.allclose(extract(images), parts, atol=1e-5)


def test_without_a_validation_split_a_tenth_is_held_out(tmp_path):
    shards = small_shards(tmp_path, val_per_class=0)
    config = ClassifierConfig(epochs=1, base_channels=8, feature_dim=8)

    facts = obtain_classifier(shards, config, tmp_path / "w", CPU).facts

    assert (facts["val_images"], facts["train_images"]) == (7, 65)
    assert facts["val_split"] == "every 10th of train, held out"


def test_a_full_disk_is_said_and_nothing_half_written_stays(shards, tmp_path):
    config = ClassifierConfig(epochs=1, base_channels=8, feature_dim=8)

    said = r"File too large while writing .* bytes free.*safetensors"
    with small_files(1000), pytest.raises(OSError, match=said):
        obtain_classifier(shards, config, tmp_path, CPU)

    assert not list(tmp_path.iterdir())


def test_random_states_are_left_alone(shards, tmp_path):
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()

    config = ClassifierConfig(epochs=1, base_channels=8, feature_dim=8)
    obtain_classifier(shards, config, tmp_path, CPU)

    assert torch.equal(torch.get_rng_state(), torch_before)
    assert (np.random.get_state()[1] == numpy_before).all()


def test_other_code_is_another_classifier(shards, tmp_path, monkeypatch):
    config = ClassifierConfig(epochs=1, base_channels=8, feature_dim=8)
    first = obtain_classifier(shards, config, tmp_path, CPU)

    monkeypatch.setattr("sagan.metrics.features.classifier.CODE", "000000000000")
    second = obtain_classifier(shards, config, tmp_path, CPU)

    assert len(list(tmp_path.glob("*.safetensors"))) == 2
    assert second.facts == first.facts, "the weights are the same: the code was not changed"


def test_the_code_is_the_one_that_decides():
    folder = "metrics/features"
    names = (f"{folder}/{name}.py" for name in ("classifier", "fitting", "rotation"))
    code = source_hash("common/pixels.py", *names)
    assert code == ClassifierFeatures.code
