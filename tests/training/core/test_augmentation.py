"""Augmentation of the discriminator's images: transforms, random numbers, ADA's probability."""

import copy
import itertools
import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.spatial.transform import Rotation
from torch.optim import SGD

from sagan.training import train
from sagan.training.config.augmentation import AugmentationConfig
from sagan.training.core.augmentation import ada, diffaugment
from sagan.training.core.augmentation.methods import Augmentation
from sagan.training.core.distributed import DistributedContext
from sagan.training.core.inputs import Stream, draw_numbers
from sagan.training.core.loop import training_loop
from sagan.training.core.state import TrainingState
from sagan.training.core.step_inputs import InputSampler
from sagan.training.core.steps import discriminator_step, generator_step
from tests.training.updates import draw

CPU = torch.device("cpu")
METHODS = ("diffaugment", "ada")
HALF = 0.5  # the uniform number at which a transform of DiffAugment changes nothing, cutout aside


def numbers(kind, count=64, seed=0):
    sizes = {"uniforms": kind.UNIFORMS, "normals": kind.NORMALS}
    return draw_numbers(seed, Stream.AUGMENTED_REAL, 0, batch_size=count, **sizes)


def augmentation(method, probability=0.8, **changes):
    made = Augmentation(AugmentationConfig(method=method, **changes), seed=0)
    if made.adapts:
        made.probability.fill_(probability)
    return made


def ramp(count=2, side=8):
    """Images whose every value is another one, -1..1."""
    values = torch.arange(count * 3 * side * side).view(count, 3, side, side)
    return values / values.max() * 2 - 1


def of(*values):
    return torch.tensor(values)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_gradients_reach_every_image_and_shapes_stay(method, memory):
    made = augmentation(method)
    images = ramp(8, 16).contiguous(memory_format=memory).requires_grad_()

    shown = made(images, *made.draw(Stream.AUGMENTED_REAL, 0, 8))
    shown.square().sum().backward()

    assert (shown.shape, shown.dtype) == (images.shape, torch.float32)
    assert shown.isfinite().all()
    assert not torch.equal(shown, images)
    assert (images.grad.flatten(1).abs().sum(1) > 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_gradients_are_those_of_the_images_values(method):
    kind = ada if method == "ada" else diffaugment
    images = (torch.rand(4, 3, 6, 6, dtype=torch.double) * 2 - 1).requires_grad_()
    drawn = numbers(kind, 4).double()

    def shown(images):
        if kind is ada:
            return ada.augment(images, drawn, torch.tensor(0.9, dtype=torch.double))
        return diffaugment.augment(images, drawn, ("color", "translation", "cutout"))

    assert torch.autograd.gradcheck(shown, images)


def test_off_gives_the_images_themselves_and_draws_nothing():
    made = augmentation("none")
    images = ramp()

    assert made(images, *made.draw(Stream.AUGMENTED_REAL, 0, 2)) is images
    assert made.state_dict() == {}


def test_at_probability_0_ada_is_the_identity():
    images = torch.rand(64, 3, 16, 16) * 2 - 1

    for drawn in (numbers(ada), torch.zeros(64, ada.UNIFORMS + ada.NORMALS)):  # 0 is drawn at times
        assert torch.equal(ada.augment(images, drawn, torch.tensor(0.0)), images)


def test_an_image_takes_each_transform_with_the_probability():
    """Of twelve, as two rotations are one; some flips, turns and whole-pixel shifts are by 0."""
    images = torch.rand(4000, 3, 8, 8) * 2 - 1
    shown = ada.augment(images, numbers(ada, 4000), torch.tensor(0.1))

    same = (shown == images).flatten(1).all(1).float().mean().item()
    assert same == pytest.approx(0.9**8 * 0.95**2 * 0.925**2, abs=0.02)


# DiffAugment on images made by hand


@pytest.mark.parametrize(("down", "right"), [(0, 0), (2, 0), (0, -3), (-1, 2), (8, 0)])
def test_translation_by_exactly_so_many_pixels(down, right):
    images, expected = ramp(1), torch.zeros(1, 3, 8, 8)
    for row in range(8):
        for column in range(8):
            if 0 <= row - down < 8 and 0 <= column - right < 8:
                expected[..., row, column] = images[..., row - down, column - right]

    assert torch.equal(diffaugment.translate(images, of(down), of(right)), expected)


def test_every_image_is_translated_by_its_own_amounts():
    images = ramp(3)
    shown = diffaugment.translate(images, of(1, 0, -2), of(0, 3, 1))

    for place, (down, right) in enumerate(((1, 0), (0, 3), (-2, 1))):
        alone = diffaugment.translate(images[place : place + 1], of(down), of(right))
        assert torch.equal(shown[place : place + 1], alone)


@pytest.mark.parametrize(("top", "left", "size"), [(2, 1, 4), (-2, 6, 4), (0, 0, 8)])
def test_cutout_is_a_square_of_zeros(top, left, size):
    images = torch.ones(1, 3, 8, 8)
    expected = images.clone()
    expected[..., max(0, top) : top + size, max(0, left) : left + size] = 0

    assert torch.equal(diffaugment.cut_out(images, of(top), of(left), size), expected)


def test_a_policy_hits_the_papers_amounts():
    side, count = 16, 4000
    uniforms = numbers(diffaugment, count)
    ones = torch.ones(count, 3, side, side)

    moved = diffaugment.augment(ones, uniforms, ("translation",))[:, 0]
    rows, columns = ((moved.sum(axis) == 0).sum(1) for axis in (2, 1))
    assert set(rows.tolist()) == set(columns.tolist()) == {0, 1, 2}  # at most an eighth
    assert (rows == 0).float().mean().item() == pytest.approx(1 / 5, abs=0.03)

    cut = diffaugment.augment(ones, uniforms, ("cutout",))[:, 0]
    assert (cut == 0).sum((1, 2)).max() == (side // 2) ** 2
    assert (cut == 0).sum((1, 2)).min() == (side // 4) ** 2  # centred at a corner
    whole = (cut == 0).sum((1, 2)) == (side // 2) ** 2
    assert whole.float().mean().item() == pytest.approx((9 / 17) ** 2, abs=0.03)


def test_colours_of_the_policy_stay_in_the_papers_range():
    uniforms = numbers(diffaugment, 2000)
    grey = diffaugment.augment(torch.zeros(2000, 3, 2, 2), uniforms, ("color",))
    red = torch.zeros(2000, 3, 2, 2)
    red[:, 0] = 1
    shown = diffaugment.augment(red, uniforms, ("color",))

    assert grey.std((1, 2, 3)).max() < 1e-6
    assert -0.5 <= grey.min() < -0.48
    assert 0.48 < grey.max() <= 0.5
    spread = (
        shown[:, 0] - shown[:, 1]
    )  # factor of saturation, 0..2, times that of contrast, .5..1.5
    assert 0 <= spread.min() < 0.01
    assert 2.5 < spread.max() <= 3


def test_saturation_0_is_grey_contrast_0_uniform_brightness_a_sum():
    images = ramp()
    zero = of(0.0, 0.0)

    grey = diffaugment.scale_saturation(images, zero)
    torch.testing.assert_close(grey, images.mean(1, keepdim=True).expand_as(images))
    uniform = diffaugment.scale_contrast(images, zero)
    torch.testing.assert_close(uniform, images.mean((1, 2, 3), keepdim=True).expand_as(images))
    brighter = diffaugment.shift_brightness(images, of(0.25, -0.5))
    torch.testing.assert_close(
        brighter - images, of(0.25, -0.5)[:, None, None, None].expand_as(images)
    )


def test_the_middle_of_all_uniform_numbers_leaves_colour_and_place():
    images, uniforms = ramp(), torch.full((2, diffaugment.UNIFORMS), HALF)

    shown = diffaugment.augment(images, uniforms, ("color", "translation"))

    torch.testing.assert_close(shown, images)


@pytest.mark.parametrize(
    ("side", "shift", "square", "places"),
    [(6, 1, 3, 6), (10, 1, 5, 10), (16, 2, 8, 17), (20, 3, 10, 21)],
)
def test_the_policy_is_its_transforms_by_the_images_own_numbers(side, shift, square, places):
    """Shifts and squares of whole pixels, rounded; a square's centre anywhere in the image."""
    drawn = numbers(diffaugment, 50).double()
    images = torch.rand(50, 3, side, side, dtype=torch.double) * 2 - 1

    shown = diffaugment.augment(images, drawn, ("color", "translation", "cutout"))

    for image, of_it, found in zip(images.numpy(), drawn.numpy(), shown, strict=True):
        brightness, saturation, contrast, down, right, top, left = of_it
        bright = image + brightness - 0.5
        grey = bright.mean(0)
        saturated = grey + (bright - grey) * 2 * saturation
        mean = saturated.mean()
        wide = np.pad(
            mean + (saturated - mean) * (contrast + 0.5), ((0, 0), (shift,) * 2, (shift,) * 2)
        )
        y, x = (2 * shift - int(u * (2 * shift + 1)) for u in (down, right))
        expected = wide[:, y : y + side, x : x + side].copy()
        y, x = (int(u * places) - square // 2 for u in (top, left))
        expected[:, max(y, 0) : y + square, max(x, 0) : x + square] = 0
        np.testing.assert_allclose(found, expected, atol=1e-12)


# ADA's maps on images made by hand


def warped(images, inverse):
    return ada.warp(images, inverse.expand(len(images), 3, 3))


def test_geometry_of_ada_moves_flips_and_turns_whole_pixels():
    images, one = ramp(), of(1.0)

    moved = warped(images, ada.translation(of(-2 / 8), of(1 / 8)))  # down by 2, left by 1
    torch.testing.assert_close(moved[..., 2:, :-1], images[..., :-2, 1:], atol=1e-5, rtol=0)
    mirrored = images[..., :2, 1:].flip(-2)  # what comes in is mirrored
    torch.testing.assert_close(moved[..., :2, :-1], mirrored, atol=1e-5, rtol=0)
    flipped = warped(images, ada.scaling(-one, one))
    torch.testing.assert_close(flipped, images.flip(-1), atol=1e-5, rtol=0)
    turned = warped(images, ada.rotation(one * math.pi / 2))
    torch.testing.assert_close(turned, images.rot90(1, (-2, -1)), atol=1e-5, rtol=0)


def test_geometry_keeps_the_range():
    images = torch.rand(256, 3, 16, 16) * 2 - 1
    drawn = numbers(ada, 256)
    drawn[:, 8:13] = 1.0  # gates of the colours: closed

    shown = ada.augment(images, drawn, torch.tensor(0.99))

    assert shown.abs().max() <= 1
    assert (shown - images).abs().flatten(1).amax(1).gt(0.1).float().mean() > 0.95


def test_colours_of_ada():
    images = ramp(1)
    red, green, blue = images.unbind(1)
    luma = images.mean(1, keepdim=True)

    def shown(colours):
        return ada.recolour(images, colours)

    close = torch.testing.assert_close
    close(shown(ada.saturate(of(0.0))), luma.expand_as(images))
    assert torch.equal(shown(ada.saturate(of(1.0))), images)
    close(shown(ada.brighten(of(0.3))), images + 0.3)
    close(shown(ada.scale_colours(of(2.0))), 2 * images)
    close(shown(ada.flip_luma(of(1.0))), images - 2 * luma)
    assert torch.equal(shown(ada.flip_luma(of(0.0))), images)
    third = ada.turn_hue(of(2 * math.pi / 3))  # red becomes green, green blue, blue red
    close(shown(third), torch.stack([blue, red, green], 1), atol=1e-6, rtol=0)
    assert torch.equal(shown(ada.turn_hue(of(0.0))), images)


def test_grey_takes_what_colours_have_in_common():
    """As ADA's code: the mean over the channels of what the same grey in all of them becomes."""
    grey, drawn = torch.rand(64, 1, 8, 8) * 2 - 1, numbers(ada, 64)
    p = torch.tensor(0.9)

    shown = ada.augment(grey, drawn, p)

    repeated = ada.augment(grey.expand(64, 3, 8, 8).contiguous(), drawn, p)
    assert shown.shape == grey.shape
    torch.testing.assert_close(shown, repeated.mean(1, keepdim=True), atol=1e-5, rtol=0)
    unsaturated = ada.recolour(grey, ada.saturate(torch.rand(64)) @ ada.turn_hue(torch.rand(64)))
    torch.testing.assert_close(unsaturated, grey, atol=1e-5, rtol=0)


def homogeneous(linear, added):
    """The map of coordinates or colours x -> linear x + added, as a matrix."""
    made = np.eye(len(added) + 1)
    made[:-1, :-1], made[:-1, -1] = linear, added
    return made


def turned(angle):
    return homogeneous([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], [0, 0])


def papers_maps(numbers_of_one, p, side):
    """ADA's appendix B, step by step: of an image's coordinates, and of its colours."""
    gates, values, normals = np.split(numbers_of_one, [13, 21])
    one = 1 - np.sqrt(1 - p)  # of the two rotations
    taken = gates < [p] * 6 + [one] * 2 + [p] * 5
    flip, quarter, down, right, angle, other, luma, hue = values
    size, stretch, y, x, light, contrast, saturation = normals
    pixels = np.round((2 * np.array([right, down]) - 1) * 0.125 * side)
    stretch = 2 ** (0.2 * stretch)
    moves = [
        homogeneous(np.diag([-1 if flip >= 0.5 else 1, 1]), [0, 0]),
        turned(np.floor(4 * quarter) * np.pi / 2),
        homogeneous(np.eye(2), pixels * 2 / side),  # the image is -1..1
        homogeneous(np.eye(2) * 2 ** (0.2 * size), [0, 0]),
        turned((2 * angle - 1) * np.pi),
        homogeneous(np.diag([stretch, 1 / stretch]), [0, 0]),
        turned((2 * other - 1) * np.pi),
        homogeneous(np.eye(2), 2 * 0.125 * np.array([x, y])),
    ]
    of_moves = taken[[0, 1, 2, 3, 6, 4, 7, 5]]  # in the order of the moves
    axis = np.ones(3) / np.sqrt(3)
    grey, none = np.outer(axis, axis), np.zeros(3)
    colours = [
        homogeneous(np.eye(3), np.full(3, 0.2 * light)),
        homogeneous(np.eye(3) * 2 ** (0.5 * contrast), none),
        homogeneous(np.eye(3) - 2 * grey * (luma >= 0.5), none),
        homogeneous(Rotation.from_rotvec((2 * hue - 1) * np.pi * axis).as_matrix(), none),
        homogeneous(grey + 2**saturation * (np.eye(3) - grey), none),
    ]
    whole = []
    for steps, chosen in ((moves, of_moves), (colours, taken[8:])):
        made = np.eye(len(steps[0]))
        for step in itertools.compress(steps, chosen):
            made = step @ made
        whole.append(made)
    return np.linalg.inv(whole[0]), whole[1]


@pytest.mark.parametrize("p", [0.5, 1.0])
def test_the_maps_of_ada_are_the_papers_steps_in_their_order(monkeypatch, p):
    found = []
    monkeypatch.setattr(ada, "warp", lambda images, inverse: found.append(inverse) or images)
    monkeypatch.setattr(ada, "recolour", lambda images, colours: found.append(colours) or images)
    drawn = numbers(ada, 200)

    ada.augment(torch.zeros(200, 3, 40, 40), drawn, torch.tensor(p))

    expected = [papers_maps(one, p, 40) for one in drawn.double().numpy()]
    for ours, theirs in zip(found, zip(*expected, strict=True), strict=True):
        np.testing.assert_allclose(ours, np.stack(theirs), atol=2e-5)


# Random numbers


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [1, 2, 4])
@pytest.mark.parametrize("passes", [1, 2])
def test_processes_and_passes_augment_as_one_would(tiny, shards, method, size, passes):
    config = tiny(batch_size=8, augmentation={"method": method})
    state = TrainingState(config, shards, CPU)
    if method == "ada":
        state.augmentation.probability.fill_(0.7)
    images = torch.rand(8, 3, 16, 16) * 2 - 1
    whole = state.augmentation(images, *state.augmentation.draw(Stream.AUGMENTED_REAL, 0, 8))

    parts = []
    for rank in range(size):
        context = DistributedContext(CPU, rank, size)
        sizes = {"latent_dim": 8, "num_classes": 3}
        inputs = InputSampler(shards, config, context, state.augmentation, **sizes)
        drawn = inputs.read(0)[0][4]  # after images, labels, z and y
        mine = images[context.share(8)]
        for part, its in zip(mine.chunk(passes), drawn.chunk(passes), strict=True):
            parts.append(state.augmentation(part, its))

    torch.testing.assert_close(torch.cat(parts), whole, atol=1e-6, rtol=0)


def test_numbers_are_a_function_of_seed_stream_and_images_seen():
    made = augmentation("ada")
    (first,) = made.draw(Stream.AUGMENTED_REAL, 64, 32)
    state = torch.get_rng_state()

    assert torch.equal(made.draw(Stream.AUGMENTED_REAL, 64, 32)[0], first)
    others = [
        made.draw(Stream.AUGMENTED_DISCRIMINATOR_FAKES, 64, 32),
        made.draw(Stream.AUGMENTED_REAL, 96, 32),
        Augmentation(made.config, seed=1).draw(Stream.AUGMENTED_REAL, 64, 32),
    ]
    assert not any(torch.equal(other[0], first) for other in others)
    assert torch.equal(torch.get_rng_state(), state)


# In the updates


@pytest.mark.parametrize("method", METHODS)
def test_the_discriminator_sees_augmented_real_images_and_fakes(networks, method):
    generator, discriminator = networks
    made, seen = augmentation(method), []
    images, labels, z, y = draw(4)
    drawn = [made.draw(stream, 0, 4)[0] for stream in (Stream.AUGMENTED_REAL, 10)]
    with torch.no_grad():
        fakes = copy.deepcopy(generator)(z, y)
    discriminator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    optimizer = SGD(discriminator.parameters(), lr=0.0)

    options = {"augment": made, "draws": drawn}
    discriminator_step(generator, discriminator, optimizer, images, labels, z, y, **options)

    expected = made(torch.cat([images, fakes]), *drawn)
    torch.testing.assert_close(seen[0], expected)
    assert not torch.equal(seen[0][:4], images)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bf16", [False, True])
def test_the_generator_learns_through_the_augmentation_in_float32(networks, method, bf16):
    generator, discriminator = networks
    made, seen, norms = augmentation(method), [], []
    z, y = torch.randn(8, 8), torch.randint(3, (8,))
    discriminator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    for options in ({"augment": made, "draws": made.draw(Stream(11), 0, 8)}, {}):
        twin = copy.deepcopy(generator).eval()
        optimizer = SGD(twin.parameters(), lr=0.0)
        record = generator_step(twin, discriminator, optimizer, z, y, bf16=bf16, **options)
        norms.append(record.gradient_norm.item())

    assert seen[0].dtype == torch.float32
    assert seen[0].grad_fn is not None
    assert norms[0] > 0
    assert norms[0] != norms[1]


@pytest.mark.parametrize("method", METHODS)
def test_bfloat16_is_near(networks, method):
    generator, discriminator = networks
    made, batch, losses = augmentation(method), draw(16), []
    drawn = [made.draw(stream, 0, 16)[0] for stream in (Stream(9), Stream(10))]
    for bf16 in (False, True):
        twins = copy.deepcopy(generator), copy.deepcopy(discriminator)
        optimizer = SGD(twins[1].parameters(), lr=0.0)
        options = {"augment": made, "draws": drawn, "bf16": bf16}
        losses.append(discriminator_step(*twins, optimizer, *batch, **options).loss.item())

    assert losses[1] == pytest.approx(losses[0], rel=0.05)


@pytest.mark.parametrize("method", METHODS)
def test_several_passes_make_the_same_updates(networks, method):
    made, batch = augmentation(method), draw(8)
    drawn = [made.draw(stream, 0, 8)[0] for stream in (Stream(9), Stream(10))]
    gradients = []
    for passes in (1, 4):
        generator, twin = networks[0].eval(), copy.deepcopy(networks[1])
        options = {"augment": made, "draws": drawn, "passes": passes}
        record = discriminator_step(generator, twin, SGD(twin.parameters(), 0.0), *batch, **options)
        other = copy.deepcopy(generator)
        options["draws"] = drawn[:1]
        generator_step(other, networks[1], SGD(other.parameters(), 0.0), *batch[2:], **options)
        found = [p.grad for network in (twin, other) for p in network.parameters()]
        gradients.append([record.real_signs, *found])

    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs)


# ADA's probability


def fed(made, sign, updates=1, images=32):
    """The probability after updates in which D's logits on real images had this mean sign."""
    for _ in range(updates):
        made.observe(of(sign * images, float(images)))
        made.adapt()
    return made.probability.item()


def test_the_probability_follows_the_sign_of_the_logits_on_real_images():
    made = augmentation("ada", 0.0, ramp_images=320)

    assert fed(made, 1.0) == pytest.approx(0.1)  # 32 of 320 images
    assert fed(made, 0.7, 2) == pytest.approx(0.3)
    assert fed(made, 0.5) == pytest.approx(0.2)
    assert fed(made, -1.0) == pytest.approx(0.1)
    assert made.signs.tolist() == [0, 0]


def test_the_probability_stays_between_0_and_1():
    made = augmentation("ada", 0.0, ramp_images=320)

    assert fed(made, -1.0, 3) == 0
    assert fed(made, 1.0, 30) == 1


def test_the_target_is_a_parameter():
    made = augmentation("ada", 0.5, ramp_images=320, target=0.2)

    assert fed(made, 0.3) > 0.5


@pytest.mark.parametrize(("bias", "expected"), [(9.0, 24 / 96), (-9.0, 0.0)])
def test_a_run_in_which_d_is_always_right_or_wrong_on_real_images(tiny, shards, bias, expected):
    """Steps of 8 images, changes every 2 steps: at 16 and 32 images, and not yet at 40."""
    ada_config = {"method": "ada", "interval": 2, "ramp_images": 96}
    config = tiny(discriminator_steps=2, total_images=24, augmentation=ada_config)
    state = TrainingState(config, shards, CPU)
    head = state.discriminator.head
    original = type(head).forward

    def forward(module, features, labels):
        logits, class_logits = original(module, features, labels)
        return logits * 0 + bias, class_logits

    head.forward = forward.__get__(head)
    records = list(training_loop(state, shards, config, DistributedContext(CPU)))

    assert [r.discriminator.real_signs.item() for r in records] == [math.copysign(1, bias)] * 3
    assert state.augmentation.probability.item() == pytest.approx(min(expected, 16 / 96))
    assert state.augmentation.signs.tolist() == [math.copysign(8, bias), 8]


# No leak


@pytest.mark.parametrize("method", METHODS)
def test_samples_come_unaugmented_from_the_generator(tiny, shards, tmp_path, method):
    """The exported generator is the trained one, whose images have no cut-out squares."""
    config = tiny(total_images=8, augmentation={"method": method})
    bundle = train(config, shards, tmp_path).bundle.load()
    z, y = torch.randn(64, 8), torch.randint(3, (64,))
    with torch.no_grad():
        images = bundle(z, y)
    made = augmentation(method)

    shown = made(images, *made.draw(Stream.AUGMENTED_GENERATOR_FAKES, 0, 64))

    assert (images == 0).float().mean() < 0.001
    assert images.abs().max() <= 1
    assert (shown - images).abs().mean() > 0.05


# Parameters


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"policy": []}, "at least one transform"),
        ({"policy": ["color", "color"]}, "each only once"),
        ({"policy": ["colour"]}, "color"),
        ({"method": "adaptive"}, "diffaugment"),
        ({"target": 1.0}, "less than 1"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(changes, said):
    with pytest.raises(ValidationError, match=said):
        AugmentationConfig(**changes)


def test_a_run_too_short_for_lecam_is_refused(tiny):
    """Ten steps of four images."""
    with pytest.raises(ValidationError, match=r"lecam_warmup_steps 10 leaves .* no step of the 10"):
        tiny(augmentation={"lecam_weight": 0.1, "lecam_warmup_steps": 10})
    tiny(augmentation={"lecam_weight": 0.1, "lecam_warmup_steps": 9})
    tiny(augmentation={"lecam_warmup_steps": 10})
