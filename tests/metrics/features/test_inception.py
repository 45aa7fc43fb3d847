import copy
import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.models.inception import BasicConv2d

from benchmarks.evaluation_baselines import seeded_weights, their_network
from sagan.common.files import json_sha256
from sagan.metrics.config import EvaluationConfig
from sagan.metrics.features import inception
from sagan.metrics.features.inception import (
    InceptionFeatures,
    build_inception,
    fold_batch_norm,
    require_weights,
    resize_as_pil_bicubic,
    resize_as_pytorch_fid,
)

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """Seeded random weights of pytorch-fid's own network, in its own file format."""
    return seeded_weights(tmp_path_factory.mktemp("weights") / "random.pth")


@pytest.fixture(scope="module")
def extract(weights) -> InceptionFeatures:
    """Our extractor; no test changes it."""
    return InceptionFeatures(weights, CPU)


@pytest.fixture
def fid_network(weights):
    """pytorch-fid's InceptionV3 with the same weights."""
    return their_network(weights)


def test_equals_pytorch_fid(extract, fid_network):
    images = torch.randint(
        0, 256, (3, 3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )

    features = extract(images)

    with torch.no_grad():
        expected = fid_network(images.float() / 255)[0].flatten(1)
    assert features.shape == (3, 2048)
    assert expected.std(dim=0).mean() > 0.01 * expected.mean(), "the features tell images apart"
    assert torch.allclose(features, expected, rtol=1e-4, atol=1e-4 * float(expected.mean()))


def test_grey_is_repeated(extract):
    grey = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)

    assert torch.equal(extract(grey), extract(grey.expand(1, 3, 16, 16)))


def as_pil_resizes(image):
    """clean-fid's way: each channel a PIL image of floats, bicubic, clipped; uint8 [3, H, W]."""
    channels = [
        Image.fromarray(channel.numpy().astype(np.float32)).resize((299, 299), Image.BICUBIC)
        for channel in image
    ]
    return torch.from_numpy(np.stack([np.asarray(channel) for channel in channels]).clip(0, 255))


@pytest.mark.parametrize("size", [(32, 32), (128, 128), (640, 448)], ids=str)
def test_the_bicubic_resizer_is_pils(size):
    """Smaller, where antialiasing matters, and larger; noise, which overshoots 0 and 255."""
    source = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (3, *size), dtype=torch.uint8, generator=source)

    resized = resize_as_pil_bicubic(image[None].float())[0]

    expected = as_pil_resizes(image)
    assert expected.min() == 0
    assert torch.allclose(resized, expected, rtol=0, atol=0.02)  # of 255 grey levels
    assert not torch.allclose(resize_as_pytorch_fid(image[None].float())[0], expected, atol=5)


def test_another_resizer_gives_other_features_under_other_names(weights, extract):
    source = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (2, 3, 40, 40), dtype=torch.uint8, generator=source)

    bicubic = InceptionFeatures(weights, CPU, "pil_bicubic")

    resized = torch.stack([as_pil_resizes(image) for image in images])
    with torch.inference_mode():
        expected = build_inception(weights)[0](2 * (resized / 255) - 1).flatten(1)
    tf32 = []
    bicubic._network[0].register_forward_hook(
        lambda *_: tf32.append(torch.backends.cudnn.allow_tf32)
    )
    features = bicubic(images)
    assert tf32 == [False]
    assert torch.allclose(features, expected, rtol=1e-3, atol=1e-3 * float(expected.mean()))
    assert not torch.allclose(features, extract(images), rtol=1e-3)
    assert (bicubic.metric, bicubic.kernel_metric) == ("fid_pil_bicubic", "kid_pil_bicubic")
    assert json_sha256(bicubic.protocol) != json_sha256(extract.protocol)
    assert bicubic.protocol["resizer"].startswith("PIL's bicubic to 299x299, antialiased")


def test_folding_takes_every_part_of_the_batch_norms(weights, fid_network):
    """Each block alone; the weights' batch norms do something in all of their four parts."""
    blocks = [m for m in fid_network.modules() if isinstance(m, BasicConv2d)]
    folded = copy.deepcopy(fid_network)
    fold_batch_norm(folded)
    after = [m for m in folded.modules() if isinstance(m, BasicConv2d)]

    assert len(after) == len(blocks) == 94
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
    for block, one in zip(blocks, after, strict=True):
        x = torch.randn(2, block.conv.in_channels, 9, 9, generator=torch.Generator().manual_seed(0))
        expected = block.double()(x.double())
        assert torch.allclose(one.double()(x.double()), expected, rtol=1e-5, atol=1e-5)


def test_the_network_is_laid_out_for_speed(weights):
    network = build_inception(weights)[0]

    assert not any(isinstance(m, nn.BatchNorm2d) for m in network.modules())
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            assert module.weight.dtype == torch.float32
            assert module.weight.is_contiguous(memory_format=torch.channels_last)


def test_an_images_features_do_not_depend_on_its_batch(extract):
    source = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (3, 3, 40, 40), dtype=torch.uint8, generator=source)

    together, alone = extract(images), torch.cat([extract(image[None]) for image in images])

    assert torch.allclose(together, alone, rtol=1e-4, atol=1e-4 * float(together.mean()))


def test_logits_are_pytorch_fids_own_without_the_bias(weights, extract, monkeypatch):
    """The released Inception score multiplies the features by the weights and adds no bias."""
    from pytorch_fid import inception as fid

    state = torch.load(weights, weights_only=True)
    monkeypatch.setattr(fid, "load_state_dict_from_url", lambda *_, **__: state)
    network = fid.fid_inception_v3()  # the whole one, from the same file
    images = torch.full((2, 3, 40, 40), 7).byte()
    features = extract(images)

    with torch.no_grad():
        expected = network.eval().fc(features) - network.fc.bias

    assert extract.label_score == "inception_score"
    assert extract.logits(features).shape == (2, 1008)
    assert torch.allclose(extract.logits(features), expected, atol=1e-4)


def test_the_protocol_names_the_weights(weights, extract):
    protocol = extract.protocol

    assert protocol["weights_sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert protocol["dimensions"] == 2048
    assert protocol["resizer"].startswith("bilinear to 299x299")


def test_building_moves_no_random_state(weights):
    before = torch.get_rng_state()

    network = build_inception(weights)[0]

    assert torch.equal(torch.get_rng_state(), before)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_the_name_is_pytorch_fids_own():
    from pytorch_fid.inception import FID_WEIGHTS_URL

    assert inception.WEIGHTS_URL == FID_WEIGHTS_URL
    assert inception.WEIGHTS_NAME.removesuffix(".pth").endswith(inception.WEIGHTS_SHA256)


def test_absent_weights_are_named_with_the_command_to_place_them(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))

    with pytest.raises(FileNotFoundError) as error:
        require_weights(EvaluationConfig(features="inception"))

    place = tmp_path / "checkpoints" / inception.WEIGHTS_NAME
    for part in (str(place), "6726825d", f"curl --location --create-dirs --output '{place}'"):
        assert part in str(error.value)
    assert not list(tmp_path.iterdir())


def test_another_file_is_refused(weights):
    with pytest.raises(ValueError, match=r"is not the file expected: SHA-256 .* expected 6726825d"):
        require_weights(EvaluationConfig(inception_weights=weights))


def test_another_file_may_be_asked_for_by_its_hash(weights):
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()

    for prefix in (digest, digest[:12]):
        config = EvaluationConfig(inception_weights=weights, inception_sha256=prefix)
        assert require_weights(config) == weights


def test_weights_are_not_asked_for_where_they_are_not_used(config):
    assert require_weights(config) is None


def test_a_file_of_something_else_is_refused(tmp_path):
    torch.save({"weight": torch.zeros(2)}, tmp_path / "other.pth")
    (tmp_path / "text.pth").write_text("<html>not found</html>")

    for name in ("other.pth", "text.pth"):
        with pytest.raises(ValueError, match="does not contain Inception's weights"):
            build_inception(tmp_path / name)


def test_a_pickle_is_refused_and_not_run(tmp_path):
    class Payload:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save(Payload(), tmp_path / "evil.pth")

    with pytest.raises(ValueError, match="does not contain Inception's weights"):
        build_inception(tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()
