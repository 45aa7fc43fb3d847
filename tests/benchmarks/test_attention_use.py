import json
import sys

import pytest
import torch

from benchmarks import attention_use
from benchmarks.attention_use import CONDITIONS, attention_blocks, summarise
from sagan.models.generator import build_generator
from sagan.network_config import GeneratorConfig
from tests.comparison.fabricated_rows import row
from tests.small_world import small_bundle


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


def test_the_changed_generator_is_the_one_that_is_measured(tmp_path, monkeypatch):
    def gamma_and_name(bundle, _shards, config, _folder):
        (block,) = attention_blocks(bundle.choose(config.weights).load())
        return {"fd_classifier": float(block.gamma), "protocol": {"name": "by_name"}}

    monkeypatch.setattr("sagan.metrics.evaluate_generator.evaluate_generator", gamma_and_name)
    monkeypatch.setattr("sagan.data.shards.store.ShardStore.open", lambda _: None)
    bundle = small_bundle(tmp_path / "generator")

    def measured(condition):
        return attention_use.measure(bundle, condition, tmp_path, tmp_path)

    assert measured("as_it_is")[1]["fd_classifier"] != 0
    assert measured("off") == ("by_name", {"fd_classifier": 0})


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Run the command on two seeds of a variant; measuring takes no time."""
    rows = [row("sagan", seed, fd_classifier=5.0) for seed in (0, 1)]
    rows.append(row("none", 0, fd_classifier=5.0))
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    for made in rows:
        attention = () if made["variant"] == "none" else (8,)
        small_bundle(tmp_path / made["bundle"], attention=attention)
    (tmp_path / "05_model_input").mkdir()
    (tmp_path / "05_model_input" / "image_shards.json").write_text('{"path": "shards"}')
    factors = {"as_it_is": 1.0, "even": 2.0, "off": 3.0}
    monkeypatch.setattr(
        attention_use,
        "measure",
        lambda bundle, condition, *_: ("by_name", {"fd_classifier": 5 * factors[condition]}),
    )

    def run(*words):
        places = [str(tmp_path / "rows.json"), "--runs", str(tmp_path)]
        places += ["--data-root", str(tmp_path)]
        monkeypatch.setattr(sys, "argv", ["attention_use", *places, *words])
        return attention_use.main()

    return run


def test_prints_a_table_and_one_json_line(command, capsys):
    assert command("--variants", "sagan") == 0

    *table, line = capsys.readouterr().out.splitlines()
    assert len(table) == 1 + 2 * 3
    assert max(map(len, table)) <= 80
    found = json.loads(line)
    assert found["protocol"] == "by_name"
    assert found["variants"]["sagan"]["off"]["factor"] == 3
    assert found["runs"][1] == {
        "variant": "sagan",
        "seed": 0,
        "condition": "even",
        "fd_classifier": 10,
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--variants", "sagan", "sagen"], "no trained run of sagen in "),
        (["--variants", "none"], "none has no self-attention to switch off"),
    ],
)
def test_what_cannot_be_measured_is_refused(command, words, said):
    with pytest.raises(SystemExit, match=said):
        command(*words)
