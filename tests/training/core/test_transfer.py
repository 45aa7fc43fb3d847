"""Weights of a trained model in new networks: what is taken, by row, and what stays new."""

import copy

import pytest
import torch

from sagan.models.discriminator import Discriminator
from sagan.models.generator import Generator
from sagan.models.ops.spectral_norm import SpectralLayer
from sagan.training.core.state import TrainingState
from sagan.training.core.transfer import TrainedWeights, describe_taken, take_weights

CPU = torch.device("cpu")
NAMES = ("00_circle", "01_square", "02_triangle")  # of the shards
OTHER = ("02_triangle", "new", "00_circle", "01_square", "more")  # of the trained model
NETWORKS = ("generator", "discriminator", "ema_generator")


def trained(class_names=OTHER, *, image_size=16, base=8, head="projection", spectral_norm=True):
    """Weights of random networks, unlike any fresh ones; the average unlike the generator."""
    torch.manual_seed(7)
    sizes = {"image_size": image_size, "num_classes": len(class_names), "base_channels": base}
    sizes |= {"attention_resolutions": (8,), "spectral_norm": spectral_norm}
    generators = [Generator(latent_dim=8, **sizes) for _ in range(2)]
    networks = (generators[0], Discriminator(head=head, **sizes), generators[1])
    for network in networks:
        for name, tensor in network.state_dict().items():
            if name.endswith(("gain", "bias", "gamma", "running_mean")):
                tensor.normal_()
    states = {name: n.state_dict() for name, n in zip(NETWORKS, networks, strict=True)}
    return TrainedWeights(states, class_names)


def taken_by(state, weights, names=NAMES):
    return take_weights(state, weights, names)


@pytest.fixture
def state(tiny, shards):
    return TrainingState(tiny(), shards, CPU)


def parts(state):
    return {name: getattr(state, name).state_dict() for name in NETWORKS}


def sigma_error(network):
    """The largest relative error of a spectral norm against the true singular value."""
    return max(
        abs(layer.sigma().item() / torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() - 1)
        for layer in network.modules()
        if isinstance(layer, SpectralLayer)
    )


def test_the_same_networks_and_classes_are_taken_whole(state):
    weights = trained(NAMES)

    facts = taken_by(state, weights)

    for name, part in parts(state).items():
        assert all(torch.equal(tensor, weights.of(name)[key]) for key, tensor in part.items()), name
        assert facts[name]["taken"] == facts[name]["tensors"] == len(part)
        assert (facts[name]["left"], facts[name]["class_tables"]) == ([], 0)
    assert state.images_seen == 0
    assert not state.generator_optimizer.state_dict()["state"]


def test_a_class_of_the_same_name_keeps_its_row(state):
    """Of more classes, in another order."""
    weights = trained(OTHER)

    facts = taken_by(state, weights)

    rows = [OTHER.index(name) for name in NAMES]
    for network, table in (
        ("generator", "layers.8x8_block.norm1.gain"),
        ("ema_generator", "layers.16x16_block.norm2.bias"),
        ("discriminator", "head.class_embedding.weight"),
    ):
        assert torch.equal(parts(state)[network][table], weights.of(network)[table][rows])
    assert facts["generator"]["class_tables"] == 8
    assert facts["discriminator"]["class_tables"] == 1
    assert facts["classes"] == {"before": 5, "now": 3, "kept": list(NAMES)}
    assert facts["discriminator"]["left"] == ["head.class_embedding.u", "head.class_embedding.v"]
    assert "8 tables from 5 to 3 classes" in describe_taken(facts)


@pytest.mark.parametrize("known", [("00_circle", "other"), ("other",), None])
def test_a_new_class_gets_the_mean_of_all_old_rows(state, known):
    """Of fewer classes, also of unknown names."""
    weights = trained(known or ("a", "b"))
    weights = TrainedWeights(weights.networks, known)

    taken_by(state, weights)

    for network, table in (
        ("generator", "layers.8x8_block.norm2.gain"),
        ("discriminator", "head.class_embedding.weight"),
    ):
        ours, theirs = parts(state)[network][table], weights.of(network)[table]
        for row, name in enumerate(NAMES):
            expected = theirs[known.index(name)] if name in (known or ()) else theirs.mean(0)
            torch.testing.assert_close(ours[row], expected)


def test_the_rows_of_an_auxiliary_classifier_are_taken_with_their_biases(tiny, shards):
    model = copy.deepcopy(tiny().model.model_dump())
    model["discriminator"]["head"] = "classifier"
    state, weights = (
        TrainingState(tiny(model=model), shards, CPU),
        trained(OTHER, head="classifier"),
    )

    taken_by(state, weights)

    rows = [OTHER.index(name) for name in NAMES]
    for table in ("head.classifier.weight", "head.classifier.bias"):
        expected = weights.of("discriminator")[table][rows]
        assert torch.equal(parts(state)["discriminator"][table], expected)
    assert sigma_error(state.discriminator.head.classifier) < 0.01


def test_a_network_without_classes_takes_the_mean_of_all(tiny, shards):
    model = copy.deepcopy(tiny().model.model_dump())
    model["generator"]["class_conditional"], model["discriminator"]["head"] = False, "none"
    state, weights = TrainingState(tiny(model=model), shards, CPU), trained(NAMES)

    taken_by(state, weights)

    table = "layers.8x8_block.norm1.gain"
    expected = weights.of("generator")[table].mean(0, keepdim=True)
    torch.testing.assert_close(parts(state)["generator"][table], expected)


def test_blocks_of_the_same_resolution_are_taken_from_another_image_size(state):
    """At 32 px with half the channels the block of 8 px has the same ones; the rest stays new."""
    before = copy.deepcopy(parts(state))
    weights = trained(NAMES, image_size=32, base=4)

    facts = taken_by(state, weights)

    for network in ("generator", "discriminator"):
        after = parts(state)[network]
        for key, tensor in after.items():
            fresh = key in facts[network]["left"]
            source = before[network][key] if fresh else weights.of(network)[key]
            assert torch.equal(tensor, source), key
        told = facts[network]
        assert told["taken"] + len(told["left"]) == told["tensors"] == len(after)
    assert not any(name.startswith("layers.8x8_block") for name in facts["generator"]["left"])
    assert "to_rgb.weight" in facts["generator"]["left"]
    assert "to_rgb.bias" in facts["generator"]["left"]  # it fits, but belongs to its weight
    assert "layers.4x4_block.conv1.weight" not in facts["discriminator"]["left"]


def test_the_spectral_norm_is_right_everywhere(state):
    """Also where a table was mapped, and where the trained model had no spectral norm."""
    for weights in (
        trained(OTHER),
        trained(NAMES, image_size=32, base=4),
        trained(OTHER, spectral_norm=False),
    ):
        taken_by(state, weights)
        for network in (state.generator, state.discriminator):
            assert sigma_error(network) < 0.1  # of u and v of another weight: more than 0.5


def test_other_channels_take_what_has_none(tiny, shards):
    """A generator of other channels beside a discriminator of the same ones."""
    model = copy.deepcopy(tiny().model.model_dump())
    model["generator"]["base_channels"] = 16
    state, weights = TrainingState(tiny(model=model), shards, CPU), trained(NAMES)
    before = copy.deepcopy(parts(state)["generator"])

    facts = taken_by(state, weights)

    assert facts["discriminator"]["left"] == []
    left = facts["generator"]["left"]
    assert "layers.8x8_attention.gamma" in left  # a scalar always fits, and means nothing alone
    assert all(torch.equal(parts(state)["generator"][key], before[key]) for key in left)


def test_a_generator_alone_leaves_the_discriminator_new(state):
    before = copy.deepcopy(parts(state)["discriminator"])
    weights = trained(NAMES)
    alone = TrainedWeights({"generator": weights.of("generator")}, NAMES)

    facts = taken_by(state, alone)

    assert facts["discriminator"]["taken"] == 0
    after = parts(state)
    assert all(torch.equal(after["discriminator"][key], before[key]) for key in before)
    for key, tensor in after["ema_generator"].items():  # the average of a bundle is its weights
        assert torch.equal(tensor, weights.of("generator")[key])


@pytest.mark.parametrize("head", ["projection", "classifier"])
def test_where_nothing_fits_the_shapes_are_told(tiny, shards, head):
    """A bias of three colours or classes always fits, and means nothing without its weight."""
    model = copy.deepcopy(tiny().model.model_dump())
    model["discriminator"]["head"] = head
    state = TrainingState(tiny(model=model), shards, CPU)
    before = copy.deepcopy(parts(state))

    for names in (NAMES, OTHER):
        with pytest.raises(ValueError, match="no weights of the model fit") as refused:
            taken_by(state, trained(names, base=16, head=head))

    assert "generator linear.weight [1024, 8] there, [512, 8] here" in str(refused.value)
    for network, part in parts(state).items():
        assert all(torch.equal(part[key], before[network][key]) for key in part)


def test_three_tensors_are_told_by_name_and_of_more_their_number():
    facts = {"tensors": 9, "taken": 5, "class_tables": 0}
    classes = {"before": None, "now": 3, "kept": []}

    def told(*left):
        taken = facts | {"left": list(left)}
        mapped = facts | {"class_tables": 2, "left": []}
        return describe_taken({"generator": taken, "discriminator": mapped, "classes": classes})

    rest = "; discriminator: 5 of 9 tensors taken, 2 tables from unknown to 3 classes"
    assert told() == f"generator: 5 of 9 tensors taken{rest}"
    assert told(*"abc") == f"generator: 5 of 9 tensors taken, left: a, b, c{rest}"
    assert told(*"abcde") == f"generator: 5 of 9 tensors taken, left: a, b, c and 2 more{rest}"


def test_where_nothing_fits_three_shapes_are_told_of_weights_alone(state):
    with pytest.raises(ValueError, match="no weights of the model fit") as refused:
        taken_by(state, trained(NAMES, base=16))

    shapes, _, _ = str(refused.value).partition("; set base_channels")
    assert shapes == (
        "no weights of the model fit: generator linear.weight [1024, 8] there, [512, 8] here; "
        "generator layers.8x8_block.conv1.weight [32, 64, 3, 3] there, [16, 32, 3, 3] here; "
        "generator layers.8x8_block.conv2.weight [32, 32, 3, 3] there, [16, 16, 3, 3] here"
    )


def test_a_model_with_no_tensor_of_the_networks_is_told_so(state):
    """Also without the last layer, whose channels there are none of then."""
    other = TrainedWeights({"generator": {"another.weight": torch.ones(3)}}, NAMES)

    with pytest.raises(ValueError, match="fit: no tensor of that name and shape in the networks"):
        taken_by(state, other)


def test_a_single_tensor_that_fits_is_taken(state):
    weight = torch.randn_like(state.generator.linear.weight)

    facts = taken_by(state, TrainedWeights({"generator": {"linear.weight": weight}}, NAMES))

    assert torch.equal(state.generator.linear.weight, weight)
    assert (facts["generator"]["taken"], facts["discriminator"]["taken"]) == (1, 0)
