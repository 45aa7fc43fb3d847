"""Published configurations by name, and what they build."""

import pytest
import torch
from pydantic import ValidationError

from sagan.models.discriminator import build_discriminator
from sagan.models.generator import build_generator
from sagan.network_config import IMAGE_SIZES
from sagan.training.config import TrainingConfig
from sagan.training.config.networks import network_faults
from sagan.training.config.recipes import RECIPES, apply_recipe, recipe_paths, recipe_settings
from sagan.training.core.sizes import fakes_per_update

# parameters of G and D at 128 px, 1,000 classes, 64 channels
GOLDEN = {
    "sagan": (42_078_852, 39_463_618),
    "sagan_no_ttur": (42_078_852, 39_463_618),
    "sagan_sn_d_only": (42_078_852, 39_463_618),
    "sagan_no_attention": (41_996_931, 39_443_137),
    "sagan_biggan_schedule": (42_017_412, 39_448_258),
    "sngan_projection": (41_996_931, 30_041_857),
}


def parameters(config: TrainingConfig) -> tuple[int, int]:
    sizes = {"image_size": 128, "num_classes": 1000}
    with torch.device("meta"):
        model = config.model.for_image_size(128)
        networks = (
            build_generator(model.generator, **sizes),
            build_discriminator(model.discriminator, **sizes),
        )
    return tuple(sum(p.numel() for p in network.parameters()) for network in networks)


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_parameter_counts(name):
    assert parameters(TrainingConfig(recipe=name)) == GOLDEN[name]


@pytest.mark.parametrize("image_size", IMAGE_SIZES)
@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_fits_every_size_that_has_its_attention(name, image_size):
    model = TrainingConfig(recipe=name).model
    faults = network_faults(model, image_size=image_size)

    largest = {"generator": image_size, "discriminator": image_size // 2}
    lacking = [
        network
        for network, side in largest.items()
        if any(r > side for r in getattr(model, network).attention_resolutions or ())
    ]
    assert bool(lacking) == (name == "sagan_biggan_schedule" and image_size < 128), (
        "the other recipes leave it to the images' size"
    )
    assert len(faults) == len(lacking)
    for network, fault in zip(lacking, faults, strict=True):
        assert f"{network}.attention_resolutions" in fault
        assert f"{largest[network]}" in fault, "the existing ones are named"


def test_sagan_is_the_release_which_the_defaults_are_too():
    assert TrainingConfig(recipe="sagan").model_dump(exclude={"recipe"}) == (
        TrainingConfig().model_dump(exclude={"recipe"})
    )


def test_switches_of_the_baselines():
    sagan, sngan, acgan = (
        TrainingConfig(recipe=name) for name in ("sagan", "sngan_projection", "acgan")
    )

    def switches(config):
        generator, discriminator = config.model.generator, config.model.discriminator
        return {
            "sn_g": generator.spectral_norm,
            "sn_d": discriminator.spectral_norm,
            "attention": (generator.attention_resolutions, discriminator.attention_resolutions),
            "width": discriminator.block_width,
            "head": discriminator.head,
            "lr": (config.generator_lr, config.discriminator_lr),
            "betas": config.betas,
            "d_steps": config.discriminator_steps,
            "batch": (config.batch_size, fakes_per_update(config)),
            "schedule": config.lr_schedule,
            "noise": config.real_noise,
            "gain": round(generator.conv_gain**2, 6),
        }

    assert switches(sagan) == {
        "sn_g": True,
        "sn_d": True,
        "attention": (None, None),
        "width": "wide",
        "head": "projection",
        "lr": (1e-4, 4e-4),
        "betas": (0.0, 0.999),
        "d_steps": 1,
        "batch": (256, 256),
        "schedule": "constant",
        "noise": 0.0,
        "gain": 1.0,
    }
    baseline = {
        "sn_g": False,
        "sn_d": True,
        "attention": ((), ()),
        "width": "thin",
        "lr": (2e-4, 2e-4),
        "betas": (0.0, 0.9),
        "d_steps": 5,
        "schedule": "linear",
        "noise": 1 / 128,
        "gain": 2.0,
    }
    assert switches(sngan) == baseline | {"head": "projection", "batch": (64, 128)}
    assert switches(acgan) == baseline | {"head": "classifier", "batch": (64, 64)}


def test_ablations_are_one_switch_away():
    def changed(name, than):
        ours, theirs = (flat(recipe_settings(n)) for n in (name, than))
        return {k: v for k, v in ours.items() if theirs.get(k) != v}

    def flat(nested, prefix=""):
        found = {}
        for key, value in nested.items():
            found |= (
                flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
            )
        return found

    both = ("model.generator", "model.discriminator")
    assert changed("sagan_no_attention", "sagan") == {
        f"{n}.attention_resolutions": [] for n in both
    }
    assert changed("sagan_residual", "sagan") == {f"{n}.attention_form": "residual" for n in both}
    assert changed("sagan_scaled_attention", "sagan") == {
        "model.discriminator.attention_form": "scaled"
    }
    assert changed("sagan_no_ttur", "sagan") == {"discriminator_lr": 1e-4}
    assert changed("sagan_sn_d_only", "sagan_no_ttur") == {"model.generator.spectral_norm": False}
    assert changed("sagan_unconditional", "sagan") == {
        "model.generator.class_conditional": False,
        "model.discriminator.head": "none",
    }
    assert changed("sagan_paper", "sagan") == {f"{n}.attention_form": "paper" for n in both} | {
        "betas": [0.0, 0.9]
    }


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_valid_and_keeps_the_environments_sizes(name):
    config = TrainingConfig(
        recipe=name,
        total_images=1000,
        model={"generator": {"base_channels": 24}, "discriminator": {"base_channels": 48}},
    )

    assert config.total_images == 1000
    assert config.model.generator.base_channels == 24
    assert config.model.discriminator.base_channels == 48
    assert TrainingConfig(**config.model_dump()) == config


def test_a_recipe_lies_over_the_parameters_and_leaves_them_alone():
    below = {"generator_lr": 1.0, "model": {"generator": {"spectral_norm": False}}}

    laid = apply_recipe(below, "sagan")

    assert laid["generator_lr"] == 1e-4
    assert laid["model"]["generator"]["spectral_norm"] is True
    assert below == {"generator_lr": 1.0, "model": {"generator": {"spectral_norm": False}}}
    laid["model"]["generator"]["spectral_norm"] = "spoilt"
    assert recipe_settings("sagan")["model"]["generator"]["spectral_norm"] is True


def test_an_unknown_recipe_names_those_that_are_known():
    with pytest.raises(
        ValidationError, match="unknown recipe 'sngan'; did you mean 'sngan_projection'"
    ):
        TrainingConfig(recipe="sngan")


def test_paths_of_a_recipe():
    assert recipe_paths("sagan_residual") >= {
        "generator_lr",
        "model.generator.attention_form",
        "model.discriminator.head",
    }
