"""What the benchmark of evaluation compares agrees, and it prints what it should."""

import json
import sys

import numpy as np
import pytest
import torch

from benchmarks import evaluation, evaluation_baselines
from sagan.metrics.features.inception import InceptionFeatures
from sagan.metrics.scores.frechet import frechet_distance


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return evaluation_baselines.seeded_weights(tmp_path_factory.mktemp("weights") / "seeded.pth")


def test_seeded_weights_are_the_same_again_and_move_no_random_state(weights, tmp_path):
    before = torch.get_rng_state()

    again = evaluation_baselines.seeded_weights(tmp_path / "again.pth")

    assert torch.equal(torch.get_rng_state(), before)
    one, other = (torch.load(path, weights_only=True) for path in (weights, again))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert one["Mixed_5b.branch1x1.bn.running_mean"].std() > 0.1, "the batch norms do something"


def test_turns_are_taken_and_the_ratio_is_theirs_over_ours():
    order = []
    ours, theirs, seconds = evaluation.turns(
        lambda: order.append("ours"), lambda: order.append("theirs") or 7, rounds=2
    )

    assert order == ["ours", "theirs"] * 2
    assert (ours, theirs, seconds.shape) == (None, 7, (2, 2))
    assert evaluation.ratio(np.array([[1.0, 3.0], [2.0, 2.0], [1.0, 9.0]])) == 3


def test_both_distances_agree():
    one, other = (evaluation_baselines.random_statistics(48, seed) for seed in (1, 2))

    theirs = evaluation_baselines.their_distance(one, other)

    assert one.count == 120
    assert theirs > 0.01
    assert frechet_distance(one, other) == pytest.approx(theirs, rel=1e-6)


def test_the_generators_images_differ(tmp_path):
    bundle = evaluation_baselines.make_bundle(tmp_path / "generator", 16, 8)

    one, again, other = (
        torch.cat(list(evaluation_baselines.draw(bundle, 4, seed))) for seed in (0, 0, 1)
    )

    assert one.shape == (4, 3, 16, 16)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert one.float().std(dim=0).mean() > 5


def test_the_pictures_that_pytorch_fid_reads_are_the_samples(weights, tmp_path, monkeypatch):
    """The command is replaced: it takes the weights from torch's cache and lists what it reads."""
    command = """
import os, sys, torch
from pathlib import Path
import numpy as np
from PIL import Image
assert sys.argv[2].endswith("reference.npz")
name = "pt_inception-2015-12-05-6726825d.pth"
torch.load(Path(torch.hub.get_dir()) / "checkpoints" / name, weights_only=True)
print("FID: ", sum(int(np.asarray(Image.open(p)).sum()) for p in Path(sys.argv[3]).glob("*.png")))
"""
    (tmp_path / "pytorch_fid.py").write_text(command)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    bundle = evaluation_baselines.make_bundle(tmp_path / "generator", 16, 8)

    total = evaluation_baselines.their_fid(bundle, tmp_path / "reference.npz", weights, 3)

    images = torch.cat(list(evaluation_baselines.draw(bundle, 3)))
    assert total == int(images.sum())


def test_a_failing_command_is_no_distance(weights, tmp_path):
    bundle = evaluation_baselines.make_bundle(tmp_path / "generator", 16, 8)

    with pytest.raises(RuntimeError, match="Invalid path"):
        evaluation_baselines.their_fid(bundle, tmp_path / "absent.npz", weights, 1)


def test_our_way_is_the_distance_of_the_samples_features(weights, tmp_path):
    bundle = evaluation_baselines.make_bundle(tmp_path / "generator", 16, 8)

    taken = evaluation_baselines.statistics_of(bundle, weights, 3)

    images = torch.cat(list(evaluation_baselines.draw(bundle, 3)))
    features = InceptionFeatures(weights, torch.device("cpu"))(images).double().numpy()
    assert taken.count == 3
    assert np.allclose(taken.mean, features.mean(axis=0), rtol=1e-4, atol=1e-4)
    assert np.allclose(taken.covariance, np.cov(features, rowvar=False), atol=1e-4)


def test_features_agree(weights):
    result = evaluation.compare_features(weights, batch_size=2, rounds=1)

    assert result["feature_rel_err"] < 1e-4
    assert result["inception_ratio"] > 0


def test_prints_a_table_and_one_json_line(capsys, monkeypatch):
    """In processes of their own, yet without Inception, which has its tests above."""
    monkeypatch.setattr(sys, "argv", ["evaluation", "--dimensions=64", "--distance-rounds=1"])
    monkeypatch.setattr(evaluation, "seeded_weights", lambda path: path)
    known = {"compare_features": {"inception_ratio": 1.23456}, "compare_end_to_end": {"fid": 1.0}}
    monkeypatch.setattr(evaluation, "compare_features", lambda *_: known["compare_features"])
    monkeypatch.setattr(evaluation, "compare_end_to_end", lambda *_: known["compare_end_to_end"])
    monkeypatch.setattr(evaluation, "in_process", lambda function, *rest: function(*rest))

    assert evaluation.main() == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == ["distance", "memory"]
    assert max(map(len, lines[:-1])) <= 80
    result = json.loads(lines[-1])
    assert result["inception_ratio"] == 1.23
    assert result["frechet_ratio"] > 0
    assert result["frechet_rel_err"] < 1e-6


def test_a_ratio_of_two_that_disagree_is_no_result():
    found = {"frechet_ratio": 13.0, "frechet_rel_err": 1e-7, "end_to_end_rel_err": 3e-5}

    assert evaluation.agree(found)
    assert not evaluation.agree(found | {"end_to_end_rel_err": 0.01})
    assert not evaluation.agree(found | {"feature_rel_err": float("nan")})


def test_our_memory_does_not_grow_with_the_samples():
    """256 MiB of features against a matrix of 8 MiB."""
    grown = evaluation.in_process(evaluation_baselines.our_growth, 8192, 1024)

    assert grown < 64
