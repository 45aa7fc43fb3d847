import torch

from benchmarks.checkpoints import Run, measure, read_config
from sagan.training.config import TrainingConfig
from sagan.training.store.checkpoints import CheckpointStore
from tests.training.whole_runs import final_state


def test_an_environments_parameters_lie_over_the_bases():
    assert read_config("imagenet128").batch_size == 256
    assert read_config("base").model.generator.base_channels == 24


def test_measures_a_state_as_large_as_a_trainings(tmp_path, monkeypatch):
    import benchmarks.checkpoints as benchmark
    from sagan.training import train
    from tests.small_world import small_shards

    model = {
        "generator": {"base_channels": 8, "attention_resolutions": [8]},
        "discriminator": {"base_channels": 8, "attention_resolutions": [8]},
    }
    config = TrainingConfig(
        model=model, batch_size=4, total_images=4, device="cpu", tensorboard=False, threads=1
    )
    monkeypatch.setattr(benchmark, "read_config", lambda _: config)
    run = Run("any", image_size=16, num_classes=3)

    row = measure(run, tmp_path / "measured", 1, train=True)

    assert row["save"] > 0
    assert row["share"] == row["save"] / row["between"]
    train(config, small_shards(tmp_path / "world"), tmp_path / "runs")
    state = final_state(tmp_path / "runs")
    measured = CheckpointStore(tmp_path / "measured", keep=1).load_newest()
    assert tensors(measured) == tensors({name: state[name] for name in measured})


def tensors(nested) -> int:
    """Numbers in all tensors of a nested dict."""
    if isinstance(nested, torch.Tensor):
        return nested.numel()
    parts = nested.values() if isinstance(nested, dict) else nested
    return sum(tensors(p) for p in parts if isinstance(p, dict | list | torch.Tensor))
