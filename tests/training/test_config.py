import pytest
from pydantic import ValidationError

from sagan.metrics.config import EvaluationConfig
from sagan.sampling.config import SamplingConfig
from sagan.training.config import TrainingConfig


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"betas": (0.0, 1.0)}, "betas must lie below 1"),
        ({"batch_size": 0}, "greater than 0"),
        ({"generator_lr": float("nan")}, "finite number"),
        ({"discriminator_lr": float("inf")}, "finite number"),
        ({"ema_decay": 1.0}, "less than 1"),
        ({"precision": "fp16"}, "'fp32', 'bf16' or 'auto'"),
        ({"lerning_rate": 1}, "unknown key 'lerning_rate'"),
        ({"devices": 3}, "batch_size 256 cannot be shared evenly by 3 processes"),
        ({"devices": 2, "nnodes": 3, "rdzv_endpoint": "a:1"}, "evenly by 6 processes"),
        ({"devices": 4, "generator_batch_size": 6}, "generator_batch_size 6 cannot be shared"),
        ({"images_per_pass": 100}, "images_per_pass 100 does not divide the 256 images"),
        ({"devices": 2, "images_per_pass": 96}, "does not divide the 128 images"),
        ({"device": "gpu"}, "Value error, expected auto, cpu, cuda or cuda:1 and so on, got 'gpu'"),
        ({"device": "cuda:1", "devices": 2}, "cuda:1 is one GPU, and devices 2 x nnodes 1"),
        ({"device": "cuda:1", "nnodes": 2, "rdzv_endpoint": "a:1"}, "devices 1 x nnodes 2"),
        ({"nnodes": 2}, "rdzv_endpoint must name the host:port"),
        ({"generator_lr": "1e-4x"}, "valid number"),
    ],
)
def test_refuses(changes, message):
    with pytest.raises(ValidationError, match=message):
        TrainingConfig(**changes)


def test_a_number_that_yaml_reads_as_text_is_a_number():
    assert TrainingConfig(generator_lr="1e-4").generator_lr == 1e-4


@pytest.mark.parametrize("model", [TrainingConfig, EvaluationConfig, SamplingConfig])
def test_one_gpu_of_several_may_be_named(model):
    assert model(device="cuda:1").device == "cuda:1"
