"""Numbers in Inception's features carry Inception's names; the network here is a small stand-in."""

import pytest

from tests.metrics.test_evaluation import real_batches, run


def test_names(inception_config, shards, tmp_path):
    metrics = run(real_batches(shards), shards, inception_config, tmp_path / "features")

    scores = {name for name, value in metrics.items() if isinstance(value, float)}
    assert {"fid", "kid", "inception_score", "intra_fid", "precision", "memorisation"} <= scores
    assert not [name for name in scores if "classifier" in name]
    assert "recognised" not in metrics
    assert metrics["fid"] == pytest.approx(0, abs=1e-3)
    assert 1 <= metrics["inception_score"] <= 1008
    assert "72 images are too few for 2048 feature dimensions" in "".join(metrics["warnings"])
    assert "3 of 3 classes have no more images than the 2048" in "".join(metrics["warnings"])
    assert "Inception's weights are not the published ones" in "".join(metrics["warnings"])


def test_of_the_published_weights_nothing_is_said(inception_config, shards, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "sagan.metrics.evaluation.WEIGHTS_SHA256", inception_config.inception_sha256[:8]
    )
    unneeded = dict.fromkeys(("kernel", "neighbours"))
    unneeded |= {"intra_class": False, "memorisation": False, "extrapolation_points": 0}
    few = inception_config.model_copy(update=unneeded)

    metrics = run(real_batches(shards), shards, few, tmp_path / "features")

    assert "published" not in "".join(metrics["warnings"])


def test_a_demanded_protocol_is_refused_before_any_sample_is_looked_at(
    inception_config, shards, tmp_path
):
    asked = inception_config.model_copy(update={"protocol": "fid50k_train"})

    def never():
        pytest.fail("samples were drawn")
        yield

    with pytest.raises(ValueError, match="protocol fid50k_train is not followed: num_samples"):
        run(never(), shards, asked, tmp_path / "features")
