"""The collapse watch sees what goes wrong, and leaves what it looks at as it was."""

import copy
import hashlib
import logging
import math

import numpy as np
import pytest
import torch

from sagan.common.pixels import to_float, to_uint8
from sagan.metrics.scores import diversity as metrics_diversity
from sagan.metrics.scores.diversity import mean_pairwise_distance
from sagan.training.config.watch import WatchConfig
from sagan.training.core.batches import Batches
from sagan.training.core.inputs import Stream, draw_latents_and_labels
from sagan.training.core.state import TrainingState
from sagan.training.core.steps import discriminator_step, generator_step
from sagan.training.monitor.collapse import CollapseMonitor, find_problems
from sagan.training.monitor.fixed_batch import choose_fixed_batch
from tests.small_world import small_shards

CPU = torch.device("cpu")
WATCH = {"classes": 3, "images_per_class": 4, "patience": 1}
FINE = {"diversity": 0.9, "margin": 1.0}
G_BLOCK, D_BLOCK = "generator/8x8_attention", "discriminator/8x8_attention"


@pytest.fixture
def config(tiny):
    return tiny(watch=WATCH)


@pytest.fixture
def unconditional(tiny):
    model = {
        "generator": {
            "base_channels": 8,
            "latent_dim": 8,
            "attention_resolutions": [8],
            "class_conditional": False,
        },
        "discriminator": {"base_channels": 8, "attention_resolutions": [8], "head": "none"},
    }
    return tiny(watch=WATCH, model=model)


def digest(state: TrainingState) -> str:
    """Hash of every tensor that training depends on, modes, gradients and random states."""
    found = hashlib.sha256()
    for network in (state.generator, state.discriminator, state.ema_generator):
        for name, tensor in network.state_dict().items():
            found.update(name.encode() + tensor.numpy().tobytes())
        for name, module in network.named_modules():
            hooks = len(module._forward_pre_hooks) + len(module._forward_hooks)
            found.update(f"{name} {module.training} {hooks}".encode())
        for parameter in network.parameters():
            found.update(f"{parameter.requires_grad} {parameter.grad is None}".encode())
    found.update(torch.get_rng_state().numpy().tobytes())
    found.update(repr(np.random.get_state()).encode())
    return found.hexdigest()


def step(state: TrainingState, batches: Batches, seed: int = 0) -> None:
    """One update of each network, as the loop makes them."""
    sizes = {"batch_size": 4, "latent_dim": 8, "num_classes": 3}
    images, labels = batches.read(state.images_seen, 4)
    fakes = draw_latents_and_labels(seed, Stream.DISCRIMINATOR_FAKES, state.images_seen, **sizes)
    networks = (state.generator, state.discriminator)
    optimizer = state.discriminator_optimizer
    discriminator_step(*networks, optimizer, to_float(images), labels, *fakes)
    fakes = draw_latents_and_labels(seed, Stream.GENERATOR_FAKES, state.images_seen, **sizes)
    generator_step(*networks, state.generator_optimizer, *fakes)
    state.images_seen += 4


@pytest.mark.parametrize("training", [True, False])
def test_a_look_leaves_every_bit_as_it_was(config, shards, training):
    state = TrainingState(config, shards, CPU)
    step(state, Batches(shards.split("train"), seed=0))
    watch = CollapseMonitor(config, shards, CPU)
    state.generator.train(training)
    state.ema_generator.layers["8x8_block"].norm1.train(not training)  # modes may be mixed
    before = digest(state)

    watch.check(state)

    assert digest(state) == before


def test_even_where_the_network_fails(config, shards, monkeypatch):
    state = TrainingState(config, shards, CPU)
    watch = CollapseMonitor(config, shards, CPU)
    before = digest(state)

    def failing(*arguments):
        raise torch.OutOfMemoryError

    with monkeypatch.context() as patch:
        patch.setattr(state.generator.to_rgb, "forward", failing)
        with pytest.raises(torch.OutOfMemoryError):
            watch.check(state)

    assert digest(state) == before


def test_a_watched_run_is_the_unwatched_one_bit_for_bit(config, shards):
    ends = []
    for watched in (True, False):
        state = TrainingState(config, shards, CPU)
        batches = Batches(shards.split("train"), seed=0)
        watch = CollapseMonitor(config, shards, CPU) if watched else None
        for _ in range(4):
            step(state, batches)
            if watch:
                watch.check(state)
        optimizer = state.generator_optimizer.state_dict()["state"]
        ends.append((digest(state), [m["exp_avg_sq"].sum().item() for m in optimizer.values()]))

    assert ends[0] == ends[1]


def test_a_look_is_a_function_of_seed_and_state(tiny, config, shards):
    state = TrainingState(config, shards, CPU)
    first, again = (CollapseMonitor(config, shards, CPU).check(state) for _ in range(2))
    other = CollapseMonitor(tiny(watch=WATCH, seed=1), shards, CPU).check(state)

    assert first.scalars == again.scalars
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, other.images)


def test_what_a_look_finds(config, shards):
    found = CollapseMonitor(config, shards, CPU).check(TrainingState(config, shards, CPU))

    assert set(found.scalars) == {
        "diversity",
        "diversity_min",
        "diversity_ema",
        "diversity_ema_min",
        "margin",
        "overfitting/train_logits",
        "overfitting/val_logits",
        f"attention_entropy/{G_BLOCK}",
        f"attention_entropy/{D_BLOCK}",
    }
    assert found.images.shape == (12, 3, 16, 16)
    assert found.images.dtype == torch.uint8


def test_without_an_average_the_raw_generator_is_shown(tiny, shards):
    config = tiny(watch=WATCH, ema_decay=None)
    state, batch = TrainingState(config, shards, CPU), choose_fixed_batch(config, shards)
    with torch.no_grad():
        fakes = copy.deepcopy(state.generator).train()(batch.latents, batch.class_labels)

    found = CollapseMonitor(config, shards, CPU).check(state)

    assert "diversity_ema" not in found.scalars
    assert torch.equal(found.images, to_uint8(fakes))


def test_diversity_is_that_of_the_metrics(config, shards):
    state = TrainingState(config, shards, CPU)
    batch = choose_fixed_batch(config, shards)
    split = shards.split("train")
    real = split.read(np.arange(len(split))).numpy()
    with torch.no_grad():
        fakes = copy.deepcopy(state.generator).train()(batch.latents, batch.class_labels)
    images = fakes.add(1).mul(127.5).round().clamp(0, 255).byte().numpy()
    labels = batch.class_labels.numpy()
    expected = [
        metrics_diversity.diversity(images[labels == label], real[split.labels == label])
        for label in np.unique(labels)
    ]

    found = CollapseMonitor(config, shards, CPU).check(state).scalars

    assert found["diversity"] == pytest.approx(np.mean(expected), rel=1e-5)
    assert found["diversity_min"] == pytest.approx(min(expected), rel=1e-5)


def test_margin_and_entropies_by_the_plain_way(config, shards):
    state = TrainingState(config, shards, CPU)
    batch = choose_fixed_batch(config, shards)
    with torch.no_grad():
        fakes, maps = (
            copy.deepcopy(state.generator)
            .train()
            .forward_with_attention(batch.latents, batch.class_labels)
        )
        real_logits, _ = state.discriminator(to_float(batch.real_images), batch.real_labels)
        fake_logits, _ = state.discriminator(fakes, batch.class_labels)
    rows = -(maps[8] * maps[8].log()).sum(-1)

    found = CollapseMonitor(config, shards, CPU).check(state).scalars

    margin = (real_logits.mean() - fake_logits.mean()).item()
    assert found["margin"] == pytest.approx(margin, rel=1e-4)
    assert found[f"attention_entropy/{G_BLOCK}"] == pytest.approx(
        rows.mean().item() / math.log(16), rel=1e-5
    )


def test_logits_on_training_and_on_validation_images(config, shards):
    state = TrainingState(config, shards, CPU)
    with torch.no_grad():
        means = []
        for name in ("train", "val"):
            split = shards.split(name)
            chosen = np.concatenate(
                [
                    np.flatnonzero(split.labels == label)[
                        np.linspace(0, (split.labels == label).sum() - 1, 4).round().astype(int)
                    ]
                    for label in range(3)
                ]
            )
            labels = torch.from_numpy(split.labels[chosen])
            logits, _ = state.discriminator(to_float(split.read(chosen)), labels)
            means.append(logits.mean().item())

    found = CollapseMonitor(config, shards, CPU).check(state).scalars

    assert found["overfitting/train_logits"] == pytest.approx(means[0], rel=1e-4)
    assert found["overfitting/val_logits"] == pytest.approx(means[1], rel=1e-4)
    assert means[0] != means[1]


def test_without_a_validation_split_there_is_nothing_to_compare_with(config, tmp_path):
    shards = small_shards(tmp_path, val_per_class=0)
    found = CollapseMonitor(config, shards, CPU).check(TrainingState(config, shards, CPU)).scalars

    assert not any(name.startswith("overfitting/") for name in found)


def test_fixed_batch_is_the_same_classes_side_by_side(tiny, shards):
    batch = choose_fixed_batch(tiny(watch=WATCH | {"classes": 2}), shards)

    assert batch.class_labels.tolist() == [0, 0, 0, 0, 2, 2, 2, 2]  # evenly spaced
    assert batch.real_labels.tolist() == batch.class_labels.tolist()
    assert len(batch.latents.unique(dim=0)) == 8


def test_an_unconditional_generator_is_measured_over_the_whole_batch(unconditional, shards):
    found = CollapseMonitor(unconditional, shards, CPU).check(
        TrainingState(unconditional, shards, CPU)
    )
    batch = choose_fixed_batch(unconditional, shards)
    split = shards.split("train")

    assert found.images.shape[0] == 12
    assert "diversity_min" not in found.scalars
    everything = split.read(np.arange(len(split)))
    assert batch.real_distances == {0: mean_pairwise_distance(everything.numpy())}


def test_a_collapsed_generator_is_noticed_once_while_it_lasts_and_again(config, shards, caplog):
    collapsed = TrainingState(config, shards, CPU)
    healthy = TrainingState(config, shards, CPU)
    for generator in (collapsed.generator, collapsed.ema_generator):
        generator.requires_grad_(requires_grad=False).linear.weight.zero_()  # deaf to z
    watch = CollapseMonitor(config, shards, CPU)

    def warnings(state):
        return [text for text in watch.check(state).warnings if "near copies" in text]

    with caplog.at_level(logging.WARNING, logger="sagan"):
        assert [len(warnings(s)) for s in (collapsed, collapsed, healthy, collapsed)] == [
            *(2, 0),  # the generator and its average
            *(0, 2),
        ]
    assert "the averaged generator's samples of a class are near copies" in caplog.text


def test_a_trouble_is_said_after_lasting(tiny, shards):
    config = tiny(watch=WATCH | {"patience": 3, "min_diversity": 99})
    state, watch = TrainingState(config, shards, CPU), CollapseMonitor(config, shards, CPU)

    heard = [sum("near copies" in text for text in watch.check(state).warnings) for _ in range(5)]

    assert heard == [0, 0, 2, 0, 0]


@pytest.mark.parametrize(
    ("scalars", "gammas", "loss", "expected"),
    [
        ({}, {}, 1.2, None),
        (
            {"diversity": 0.05},
            {},
            1.2,
            "collapse: the generator's samples of a class are near copies",
        ),
        ({"margin": 9.0}, {}, 0.01, "the discriminator has won"),
        ({"margin": -0.5}, {}, 2.4, "scores fakes no lower than real images"),
        ({}, {f"gamma/{G_BLOCK}": -11.0}, 1.2, f"gamma of {G_BLOCK} is -11, beyond 10"),
        (
            {f"attention_entropy/{D_BLOCK}": 0.9999},
            {f"gamma/{D_BLOCK}": 0.5},
            1.2,
            f"the attention of {D_BLOCK} is close to uniform",
        ),
        # at the start every block looks everywhere alike, and adds nothing
        ({f"attention_entropy/{D_BLOCK}": 0.9999}, {f"gamma/{D_BLOCK}": 0.001}, 1.2, None),
    ],
)
def test_find_problems(scalars, gammas, loss, expected):
    found = list(find_problems(FINE | scalars, gammas, loss, WatchConfig()).values())

    assert len(found) == (expected is not None)
    assert all(expected in text for text in found)


def test_a_diversity_that_was_not_measured_is_no_trouble():
    assert not find_problems({"margin": 1.0}, {}, 1.2, WatchConfig(min_diversity=2))


def test_images_of_a_broken_generator_break_nothing(config, shards):
    state = TrainingState(config, shards, CPU)
    with torch.no_grad():
        state.generator.to_rgb.bias.fill_(math.nan)

    found = CollapseMonitor(config, shards, CPU).check(state)

    assert all(math.isfinite(value) for value in found.scalars.values())
