import hashlib
from pathlib import Path

import pytest
import torch

from sagan.metrics import inception
from sagan.metrics.config import EvaluationConfig
from sagan.metrics.inception import InceptionFeatures, build_inception, require_weights

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """Seeded random weights of pytorch-fid's own network, in its own file format."""
    from pytorch_fid import inception as fid
    from torchvision.models import Inception3

    path = tmp_path_factory.mktemp("weights") / "random.pth"
    with torch.random.fork_rng(devices=[]), pytest.MonkeyPatch.context() as patch:
        torch.manual_seed(0)
        patch.setattr(fid, "load_state_dict_from_url", lambda *_, **__: None)
        patch.setattr(Inception3, "load_state_dict", lambda *_: None)
        network = fid.fid_inception_v3()
        for parameter in network.parameters():
            if parameter.ndim == 4:  # as torch leaves them, images would all give one feature
                torch.nn.init.kaiming_normal_(parameter)
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture
def fid_network(weights, monkeypatch):
    """pytorch-fid's InceptionV3, its download replaced by the file."""
    from pytorch_fid import inception as fid

    monkeypatch.setattr(
        fid, "load_state_dict_from_url", lambda *_, **__: torch.load(weights, weights_only=True)
    )
    return fid.InceptionV3([fid.InceptionV3.BLOCK_INDEX_BY_DIM[2048]]).eval()


def test_equals_pytorch_fid(weights, fid_network):
    images = torch.randint(
        0, 256, (3, 3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )

    features = InceptionFeatures(weights, CPU)(images)

    with torch.no_grad():
        expected = fid_network(images.float() / 255)[0].flatten(1)
    assert features.shape == (3, 2048)
    assert expected.std(dim=0).mean() > 0.01 * expected.mean(), "the features tell images apart"
    assert torch.equal(features, expected)


def test_logits_are_pytorch_fids_own_without_the_bias(weights, fid_network):
    """The released Inception score multiplies the features by the weights and adds no bias."""
    from pytorch_fid import inception as fid

    network = fid.fid_inception_v3()  # the whole one, from the same file
    network.load_state_dict(torch.load(weights, weights_only=True))
    extract, images = InceptionFeatures(weights, CPU), torch.full((2, 3, 40, 40), 7).byte()
    features = extract(images)

    with torch.no_grad():
        expected = network.eval().fc(features) - network.fc.bias

    assert extract.label_score == "inception_score"
    assert extract.logits(features).shape == (2, 1008)
    assert torch.allclose(extract.logits(features), expected, atol=1e-4)


def test_the_protocol_names_the_weights(weights):
    protocol = InceptionFeatures(weights, CPU).protocol

    assert protocol["weights_sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert protocol["dimensions"] == 2048
    assert protocol["resizer"].startswith("bilinear to 299x299")


def test_building_moves_no_random_state(weights):
    before = torch.get_rng_state()

    network = build_inception(weights)

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
        with pytest.raises(ValueError, match="does not hold Inception's weights"):
            build_inception(tmp_path / name)


def test_a_pickle_is_refused_and_not_run(tmp_path):
    class Payload:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save(Payload(), tmp_path / "evil.pth")

    with pytest.raises(ValueError, match="does not hold Inception's weights"):
        build_inception(tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()
