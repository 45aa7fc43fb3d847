import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.common.files import disk
from sagan.common.progress import progress_bar
from sagan.completion import complete as complete_module
from sagan.completion import encoder as encoder_module
from sagan.completion import results
from sagan.completion.blending import blend
from sagan.completion.config import EncoderConfig, SearchConfig
from sagan.completion.encoder import Encoder, obtain_encoder
from sagan.completion.inputs import MaskedImage, read_images
from sagan.completion.masks import NAMES, REGIONS, box, random_box, region
from sagan.completion.search import search
from tests.data.test_decoding import deep_png
from tests.drawn_images import draw_image_folder
from tests.limits import small_files
from tests.program import program
from tests.small_world import small_bundle, small_checkpoint

main = program("complete")
QUICK = ["--encoder-steps", "3", "--refine-steps", "5", "--candidates", "2", "--device", "cpu"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("completion")
    draw_image_folder(root / "images", per_class=1, val_per_class=0)
    small_bundle(root / "bundle")
    small_checkpoint(root / "run")
    small_checkpoint(root / "other_run", num_classes=4)
    return root


def run(world, out, *words, images=None):
    kept = ["--encoders", str(world / "encoders")]
    given = images or [world / "images" / "train"]
    return main([str(world / "bundle"), *map(str, given), "--out", str(out), *kept, *QUICK, *words])


def records(out: Path) -> dict:
    return {p.parent.name: json.loads(p.read_text()) for p in out.rglob("completion.json")}


def test_regions_hide_the_shares_that_their_names_say():
    assert region("lower_half", 16)[8:].all()
    assert not region("lower_half", 16)[:8].any()
    assert region("left_half", 16).mean() == 0.5
    assert region("center", 16).mean() == 0.25
    lower_face = region("surgical_mask", 64)
    assert not lower_face[:32].any()
    widths = lower_face[32:60].sum(axis=1)
    assert (np.diff(widths) <= 0).all()
    assert widths[0] > widths[-1] > 0
    assert (region("surgical_mask", 64) == region("surgical_mask", 64)[:, ::-1]).all()
    hidden = random_box(np.random.default_rng(0), 16)
    assert 0.1 < hidden.mean() < 0.8
    assert set(REGIONS) < set(NAMES)


def test_a_box_is_in_pixels_or_in_shares():
    assert (box("4,8,12,16", 16) == box("0.25,0.5,0.75,1.0", 16)).all()
    assert (box(".25, .5, .75, 1", 16) == box("4,8,12,16", 16)).all()
    assert box("4,8,12,16", 16).sum() == 64


def test_blending_keeps_visible_pixels_and_removes_an_offset_of_the_completion():
    ramp = np.arange(16, dtype=np.uint8) * 5
    image = np.broadcast_to(ramp, (2, 16, 16)).copy()
    hidden = region("center", 16)
    damaged = np.where(hidden, np.uint8(255), image)

    blended = blend(damaged, image + np.uint8(40), hidden)

    assert (blended == image).all()
    assert (blend(image, image, np.zeros_like(hidden)) == image).all()


def test_results_do_not_depend_on_other_images_and_are_not_made_twice(world, tmp_path):
    assert run(world, tmp_path / "all", "--mask", "lower_half") == 0
    alone = world / "images" / "train" / "01_square"
    assert run(world, tmp_path / "one", "--mask", "lower_half", images=[alone]) == 0

    together = tmp_path / "all" / "01_square" / "0000"
    single = tmp_path / "one" / "0000"
    for file in single.iterdir():
        assert file.read_bytes() == (together / file.name).read_bytes() or file.suffix != ".png"
    one, other = (json.loads((p / "completion.json").read_text()) for p in (single, together))
    assert one["candidates"] == other["candidates"]
    energies = [candidate["energy"] for candidate in one["candidates"]]
    assert energies == sorted(energies)
    assert sum(one["classes"].values()) == pytest.approx(1, abs=1e-4)
    blended = np.asarray(Image.open(single / "blended_1.png"))
    hidden = np.asarray(Image.open(single / "hidden.png"))
    assert (blended[:8] == hidden[:8]).all()
    assert (hidden[8:] == 128).all()

    times = {p: p.stat().st_mtime_ns for p in (tmp_path / "all").rglob("completion.json")}
    sheet = (tmp_path / "all" / "sheet.png").read_bytes()
    (together / "blended_1.png").write_bytes(b"changed")
    assert run(world, tmp_path / "all", "--mask", "lower_half") == 0
    again = [p for p, written in times.items() if p.stat().st_mtime_ns == written]
    assert len(again) == len(times) - 1  # only that which was changed
    assert (tmp_path / "all" / "sheet.png").read_bytes() == sheet


def test_the_sheet_has_names_classes_and_at_most_a_hundred_rows(monkeypatch):
    pixels = np.zeros((1, 16, 16), np.uint8)
    image = MaskedImage("a/1", pixels, region("center", 16), whole=True)

    def one(classes, name="cat"):
        found = {"classes": classes, "candidates": [{"class": name, "label": 1}] * 2}
        return results.Completed(image, np.stack([pixels] * 2), np.stack([pixels] * 2), found)

    given, searched = one({}), one({"cat": 1.0})
    short, classes = (np.asarray(results.sheet([of] * 3, 32)) for of in (given, searched))
    assert (classes[:, :50] < 100).any()  # the name
    assert len(classes) - len(short) == 3 * 18  # a line of classes below each row
    undrawable, number = (
        np.asarray(results.sheet([one({"a": 1.0}, name)], 32)) for name in ("\ue000", "class 1")
    )
    assert (undrawable == number).all()
    monkeypatch.setattr(results, "_ROWS", 3)
    more = np.asarray(results.sheet([given] * 5, 32))
    assert len(more) == len(short) + 18  # a line that says how many there are
    assert (more[-30:] < 100).any()


def test_descent_lowers_the_distance_of_a_projection(world, tmp_path):
    assert run(world, tmp_path / "few", "--mask", "none", "--refine-steps", "0") == 0
    assert run(world, tmp_path / "many", "--mask", "none", "--refine-steps", "40") == 0

    def lowest(out):
        return [r["candidates"][0]["energy"] for r in records(tmp_path / out).values()]

    assert all(b < a for a, b in zip(lowest("few"), lowest("many"), strict=True))
    assert records(tmp_path / "many").popitem()[1]["candidates"][0]["hidden_rmse"] is None


def test_a_given_class_is_the_only_one_tried(world, tmp_path):
    assert run(world, tmp_path / "out", "--mask", "center", "--class", "01_square") == 0
    for record in records(tmp_path / "out").values():
        assert {candidate["class"] for candidate in record["candidates"]} == {"01_square"}
        assert record["classes"] == {}


def test_a_generator_without_classes_is_searched_without_and_none_is_said(world, tmp_path):
    small_bundle(tmp_path / "bundle", conditional=False)
    words = [str(tmp_path / "bundle"), str(world / "images"), "--out", str(tmp_path / "out")]
    assert main([*words, "--mask", "center", *QUICK]) == 0
    for record in records(tmp_path / "out").values():
        assert record["classes"] == {}
        assert [candidate["class"] for candidate in record["candidates"]] == [None, None]


def test_transparent_pixels_and_white_ones_of_a_mask_image_are_hidden(world, tmp_path):
    image = Image.new("RGBA", (48, 32), (90, 60, 30, 255))
    image.paste((255, 255, 255, 0), (0, 16, 48, 32))
    image.save(tmp_path / "seen.png")
    mask = Image.new("L", (48, 32))
    mask.paste(255, (0, 16, 48, 32))
    mask.save(tmp_path / "mask.png")

    (tmp_path / "opaque").mkdir()
    Image.new("RGB", (48, 32), (90, 60, 30)).save(tmp_path / "opaque" / "seen.png")
    layer = Image.new("LA", mask.size)  # white strokes on nothing
    layer.paste((255, 255), (0, 16, 48, 32))
    layer.putpixel((0, 0), (255, 0))
    layer.save(tmp_path / "layer.png")

    files = [(str(tmp_path / name), "opaque") for name in ("mask.png", "layer.png")]
    for name, folder in (("alpha", "."), *files):
        out = tmp_path / "out" / folder / "made"
        given = tmp_path / folder / "seen.png"
        assert run(world, out, "--mask", name, images=[given]) == 0
        hidden = np.asarray(Image.open(out / "seen" / "hidden.png"))
        assert (hidden[8:] == 128).all()
        assert (hidden[:8] == (90, 60, 30)).all()
        known = records(out)["seen"]["candidates"][0]["hidden_rmse"]
        assert (known is None) == (name == "alpha")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--mask", "upper_half"], "mask 'upper_half': expected none, alpha, random"),
        (["--mask", "0,0,16,16"], "hides all of it"),
        (["--mask", "0,0,17,4"], "is 0,0,17,4 in pixels: expected left"),
        (["--mask", "-1,0,4,4"], "is -1,0,4,4 in pixels: expected left"),
        (["--mask", "nan,0,1,1"], "left < right"),
        (["--mask", "0.97,0.5,1,1"], "is 16,8,16,16 in pixels"),
        (["--mask", "empty.png"], "an empty file"),
        (["--mask", "center", "--tile", "10000000"], "tile_px 10,000,000 needs"),
        (["--mask", "center", "--candidates", "100000000"], "candidates 100,000,000 needs"),
        (["--mask", "center", "{world}/images/none.txt"], "an empty file"),
        (["--mask", "alpha"], "has no transparency"),
        (["--mask", "center", "--class", "cat"], "unknown: cat"),
        (["--mask", "center", "--class", ""], "no class is named"),
        (["--mask", "center", "--class", "0,1"], "expected one class"),
        (["--mask", "black.png"], "hides nothing"),
        (["--mask", "large.png"], "has 50x50 px; expected 24x24 px"),
        (["--mask", "center", "--discriminator", "{world}/bundle"], "a generator bundle has none"),
        (["--mask", "center", "--discriminator", "{world}/other_run"], "other images or classes"),
    ],
)
def test_bad_input_is_one_message_and_nothing_is_written(
    world, tmp_path, monkeypatch, capsys, *, words, message
):
    monkeypatch.chdir(tmp_path)
    Image.new("L", (24, 24)).save("black.png")
    Image.new("L", (50, 50), 255).save("large.png")
    Path("empty.png").touch()
    (world / "images" / "none.txt").touch()

    words = [word.format(world=world) for word in words]
    assert run(world, tmp_path / "out", *words) == 1

    error = capsys.readouterr().err
    assert message in error
    assert len([line for line in error.splitlines() if line.startswith("Error: ")]) == 1
    assert not (tmp_path / "out").exists()


def test_a_transparent_value_of_sixteen_bits_is_refused(tmp_path):
    grey, colour, plain = (tmp_path / f"{name}.png" for name in ("grey", "colour", "plain"))
    Image.new("I;16", (24, 24)).save(grey, transparency=0)
    colour.write_bytes(deep_png(np.full((24, 24, 3), 999), (999, 999, 999)))
    Image.new("L", (24, 24)).save(plain)
    for one in (grey, colour):
        for image, mask in ((one, "alpha"), (plain, str(one))):
            with pytest.raises(ValueError, match=f"'{one}' has 16 bits and one transparent value"):
                read_images([image], mask, size=16, channels=3, seed=0)


def test_images_of_a_folder_are_those_that_validation_takes_without_results(world, tmp_path):
    for name in ("a.png", "new\nline.png", "folder.png/esc\x1b[31m.png", "made/one/blended_1.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20)).save(tmp_path / name)
    for name in ("notes.txt", "._a.png", ".hidden/a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"no image")

    assert run(world, tmp_path / "made", "--mask", "center", images=[tmp_path]) == 0
    assert run(world, tmp_path / "made", "--mask", "center", images=[tmp_path]) == 0

    made = tmp_path / "made"
    found = {p.parent.relative_to(made).as_posix() for p in made.rglob("completion.json")}
    assert found == {"a", "new\nline", "folder.png/esc\x1b[31m"}


def test_results_that_cannot_be_written_are_told_before_the_encoder_is_trained(
    world, tmp_path, capsys
):
    Image.new("RGB", (20, 20)).save(tmp_path / f"{'a' * 240}.png")
    (tmp_path / "file").touch()
    encoders = tmp_path / "encoders"

    for out in ("out", "file"):
        kept = ["--encoders", str(encoders)]
        long = [tmp_path] if out == "out" else None
        assert run(world, tmp_path / out, "--mask", "center", *kept, images=long) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if "Error: " in line]
    assert all(said in line for said, line in zip(("230 bytes", "a file,"), errors, strict=True))
    assert not encoders.exists()


def test_a_full_disk_in_the_encoders_training_is_one_message(world, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(encoder_module, "_SAVED_EVERY", 2)
    kept = ["--encoders", str(tmp_path / "encoders")]
    with small_files(100_000):
        assert run(world, tmp_path / "out", "--mask", "center", *kept) == 1
    assert ".begun: File too large while writing" in capsys.readouterr().err
    assert list((tmp_path / "encoders").iterdir()) == []


def test_a_kept_encoder_is_used_where_nothing_can_be_written(world, tmp_path, monkeypatch):
    assert run(world, tmp_path / "first", "--mask", "center") == 0
    sync = disk.sync

    def refused(path):
        if path.parent == world / "encoders":
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        sync(path)

    monkeypatch.setattr(disk, "sync", refused)
    assert run(world, tmp_path / "second", "--mask", "center") == 0


def test_a_given_class_that_the_encoder_excludes_is_searched_too(world):
    generator = GeneratorBundle.open(world / "bundle").load("cpu")
    with torch.random.fork_rng(devices=[]):
        encoder = Encoder(image_size=16, channels=3, latent_dim=12, num_classes=3, base=4).eval()
    encoder.classes.bias.data[0] = 1000  # the others' probability is 0 in float32
    image = MaskedImage("one", np.zeros((3, 16, 16), np.uint8), region("center", 16), whole=True)
    config = SearchConfig(candidates=2, refine_steps=5)

    for label in (1, None):
        found = search(
            image, generator, encoder, config, class_label=label, device=torch.device("cpu")
        )
        assert found.energies.isfinite().all()
        assert set(found.class_labels.tolist()) == {label or 0}


def test_a_second_process_waits_for_the_folder(world, tmp_path):
    script = tmp_path / "complete.py"
    script.write_text(
        "import sys; from tests.completion.test_complete import main; sys.exit(main(sys.argv[1:]))"
    )
    words = [str(world / "bundle"), str(world / "images"), "--out", str(tmp_path / "out")]
    words += ["--mask", "center", "--encoders", str(tmp_path / "out"), *QUICK]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(script), *words]
    both = [subprocess.Popen(command, env=environment) for _ in range(2)]
    assert [one.wait(timeout=120) for one in both] == [0, 0]
    assert len([*(tmp_path / "out").rglob("completion.json")]) == 3
    assert list((tmp_path / "out").rglob("*.changed*")) == []


def test_two_images_with_one_name_are_refused(world, tmp_path, capsys):
    for suffix in ("png", "bmp"):
        Image.new("RGB", (20, 20)).save(tmp_path / f"a.{suffix}")

    assert run(world, tmp_path / "out", "--mask", "center", images=[tmp_path]) == 1

    assert "more than one image" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_damaged_encoder_is_named(world, tmp_path, capsys):
    assert run(world, tmp_path / "out", "--mask", "center") == 0
    (file,) = (world / "encoders").glob("*.safetensors")
    sound = file.read_bytes()
    file.write_bytes(sound[: len(sound) // 2])
    try:
        assert run(world, tmp_path / "again", "--mask", "center") == 1
    finally:
        file.write_bytes(sound)
    assert f"{file.name} is damaged" in capsys.readouterr().err


def test_an_encoder_whose_training_was_stopped_goes_on_where_it_was(world, tmp_path, monkeypatch):
    bundle = GeneratorBundle.open(world / "bundle")
    seed, device = 0, torch.device("cpu")
    config, changed = EncoderConfig(steps=5, base_channels=4), encoder_module._changed

    def trained(folder):
        generator = bundle.load("cpu")
        return obtain_encoder(bundle, generator, config, folder, seed=seed, device=device)

    def stopping(images, random):
        steps.append(1)
        if len(steps) == 4:
            raise KeyboardInterrupt
        return changed(images, random)

    at_once, steps = trained(tmp_path / "one").state_dict(), []
    monkeypatch.setattr(encoder_module, "_SAVED_EVERY", 2)
    monkeypatch.setattr(encoder_module, "_changed", stopping)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "two")
    (begun,) = (tmp_path / "two").iterdir()
    sound = begun.read_bytes()
    begun.write_bytes(sound[:99])
    with pytest.raises(ValueError, match=f"{begun.name} is damaged"):
        trained(tmp_path / "two")
    begun.write_bytes(sound)
    again = trained(tmp_path / "two").state_dict()

    assert len(steps) == 4 + 3  # the third and fourth step were not saved
    assert all(torch.equal(again[name], weights) for name, weights in at_once.items())
    assert [file.suffix for file in (tmp_path / "two").iterdir()] == [".safetensors"]


def test_the_encoders_training_is_told_and_is_no_part_of_the_completions_time(
    world, tmp_path, monkeypatch, caplog
):
    bars = []

    def noted(what, *given, **named):
        bars.append(what)
        return progress_bar(what, *given, **named)

    for module in (complete_module, encoder_module):
        monkeypatch.setattr(module, "progress_bar", noted)
    caplog.set_level("INFO")
    for _ in range(2):
        assert run(world, tmp_path, "--mask", "center", "--encoders", str(tmp_path / "e")) == 0
    assert bars == ["training encoder", "completing images", "completing images"]
    started = "training an encoder, once for this generator; kept in "
    assert sum(text.startswith(started) for text in caplog.messages) == 1


def test_a_discriminator_changes_the_energies_and_what_is_kept(world, tmp_path):
    image = world / "images" / "train" / "01_square"
    judged = ["--mask", "lower_half", "--discriminator", str(world / "run")]
    assert run(world, tmp_path, "--mask", "lower_half", images=[image]) == 0
    (without,) = records(tmp_path).values()
    assert run(world, tmp_path, *judged, images=[image]) == 0
    (judged_by,) = records(tmp_path).values()
    assert without["candidates"] != judged_by["candidates"]


def test_a_stop_loses_no_finished_image(world, tmp_path, monkeypatch):
    made = []

    def once(*words, **options):
        if made:
            raise KeyboardInterrupt
        made.append(search(*words, **options))
        return made[0]

    monkeypatch.setattr(complete_module, "search", once)
    assert run(world, tmp_path / "out", "--mask", "center") == 75
    (finished,) = (tmp_path / "out").rglob("completion.json")
    written = finished.stat().st_mtime_ns
    monkeypatch.setattr(complete_module, "search", search)
    assert run(world, tmp_path / "out", "--mask", "center") == 0
    assert finished.stat().st_mtime_ns == written
    assert len(records(tmp_path / "out")) == 1
    assert len([*(tmp_path / "out").rglob("completion.json")]) == 3


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
@pytest.mark.parametrize("mode", ["L", "LA"])
@pytest.mark.parametrize("turned", [False, True], ids=["as shown", "turned alike"])
def test_a_turned_photograph_takes_a_mask_as_it_is_shown(tmp_path, suffix, mode, turned):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    photograph, mask = tmp_path / f"one.{suffix}", tmp_path / "mask.png"
    Image.new("RGB", (48, 32)).save(photograph, exif=exif)
    painted = Image.new(mode, (32, 48))
    painted.paste((255, 255)[: len(mode)], (0, 24, 32, 48))
    if turned:
        painted.transpose(Image.Transpose.ROTATE_90).save(mask, exif=exif)
    else:
        painted.save(mask)

    (image,) = read_images([photograph], str(mask), size=16, channels=1, seed=0)

    assert image.pixels.shape == (1, 16, 16)
    assert (image.hidden == region("lower_half", 16)).all()
