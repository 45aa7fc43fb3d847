import io
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, UnidentifiedImageError

from sagan.data import decoding
from sagan.data.config import ManifestConfig
from sagan.data.decoding import decode_rgb
from sagan.data.manifest.inspection import inspect_file
from sagan.data.resizing import RESIZERS
from tests.data.bad_images import ODD, encoded, photograph, sixteen_bit


def pixels(data: bytes) -> np.ndarray:
    """What `decode_rgb` makes of a file, [H, W, 3]."""
    return decode_rgb(data).permute(1, 2, 0).numpy()


@pytest.mark.parametrize("name", ODD)
def test_every_odd_format_becomes_rgb(name):
    image = decode_rgb(ODD[name][0]())
    assert (image.dtype, tuple(image.shape)) == (torch.uint8, (3, 30, 40))


@pytest.mark.parametrize("name", ["plain.JPEG", "gray.JPEG", "cmyk.JPEG", "png_named.JPEG"])
def test_pixels_are_pillows(name):
    data = ODD[name][0]()
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(image.convert("RGB")).astype(int)
    # two builds of libjpeg may differ by a rounding
    assert np.abs(pixels(data).astype(int) - expected).max() <= 2


def test_grayscale_is_repeated():
    image = pixels(encoded(photograph("L"), "PNG"))
    assert np.array_equal(image[..., 0], np.asarray(photograph("L")))
    assert np.array_equal(image[..., 0], image[..., 2])


def test_of_sixteen_bits_the_high_byte_is_kept():
    image = pixels(encoded(sixteen_bit(), "PNG"))
    assert np.array_equal(image[..., 1], np.asarray(sixteen_bit()) >> 8)


@pytest.mark.parametrize("name", ["integers.tif", "portable.pgm"])
def test_integers_are_taken_for_sixteen_bits(name):
    with Image.open(io.BytesIO(ODD[name][0]())) as image:
        values = np.asarray(image)
    assert np.array_equal(pixels(ODD[name][0]())[..., 0], values >> 8)


def test_a_transparent_value_of_sixteen_bits_is_white():
    values = np.asarray(sixteen_bit())
    image = pixels(encoded(sixteen_bit(), "PNG", transparency=int(values[3, 5])))
    expected = values >> 8
    expected[values == values[3, 5]] = 255
    assert np.array_equal(image[..., 0], expected)
    assert image[3, 5].tolist() == [255] * 3
    # a value that differs in the low byte only is not transparent
    assert image[3, 6, 0] == values[3, 6] >> 8


def test_a_white_level_scales_values_of_fewer_bits():
    values = np.array([[0, 1, 2048, 4095, 5000]], dtype=np.uint16)
    data = encoded(Image.fromarray(values), "PNG")
    assert decode_rgb(data)[0].tolist() == [[0, 0, 8, 15, 19]]
    scaled = decode_rgb(data, white_level=4095)[0].tolist()
    assert scaled == [[round(min(v / 4095, 1) * 255) for v in values[0].tolist()]]


def test_a_white_level_leaves_images_of_eight_bits_alone():
    data = encoded(photograph(), "PNG")
    assert torch.equal(decode_rgb(data, white_level=4095), decode_rgb(data))


def deep_png(values, transparent=None):
    """A PNG of 16 bits, which Pillow does not write in colour: big-endian [H, W, C]."""

    def chunk(kind, content):
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    height, width, channels = values.shape
    colour_type = {2: 4, 3: 2, 4: 6}[channels]
    head = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    parts = [chunk(b"IHDR", head)]
    parts += [] if transparent is None else [chunk(b"tRNS", struct.pack(">3H", *transparent))]
    parts += [chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_a_transparent_colour_of_sixteen_bits_is_white():
    values = np.array([[[257, 515, 1029], [257, 515, 1030], [40_000, 0, 65_535]]])
    image = pixels(deep_png(values, transparent=(257, 515, 1029)))
    assert image.tolist() == [[[255] * 3, [1, 2, 4], [156, 0, 255]]]
    assert pixels(deep_png(values)).tolist() == [[[1, 2, 4], [1, 2, 4], [156, 0, 255]]]


def test_a_white_level_scales_colours_too():
    values = np.array([[[0, 2048, 4095], [4095, 5000, 1]]])
    scaled = [[0, 128, 255], [255, 255, 0]]
    coloured = decode_rgb(deep_png(values), white_level=4095)
    assert coloured.permute(1, 2, 0).tolist() == [scaled]

    alpha = np.array([[[65_535], [0]]])
    data = deep_png(np.concatenate([values, alpha], axis=2))
    assert decode_rgb(data, white_level=4095).permute(1, 2, 0).tolist() == [[scaled[0], [255] * 3]]

    grey = deep_png(np.concatenate([values[..., 1:2], alpha], axis=2))
    assert decode_rgb(grey, white_level=4095).permute(1, 2, 0).tolist() == [[[128] * 3, [255] * 3]]

    clear = deep_png(values, transparent=(4095, 5000, 1))
    assert decode_rgb(clear, white_level=4095).permute(1, 2, 0).tolist() == [[scaled[0], [255] * 3]]


def test_a_white_level_is_refused_for_a_tiff_of_sixteen_bits_in_colour():
    # the smallest: one pixel, uncompressed
    entries = [(256, 3, 1, 1), (257, 3, 1, 1), (258, 3, 3, 200), (259, 3, 1, 1), (262, 3, 1, 2)]
    entries += [(273, 4, 1, 206), (277, 3, 1, 3), (278, 3, 1, 1), (279, 4, 1, 6)]
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    data = b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + body + bytes(4)
    data = data.ljust(200, b"\0") + struct.pack("<6H", 16, 16, 16, 256, 0, 4095)
    assert decode_rgb(data).flatten().tolist() == [1, 0, 15]
    with pytest.raises(ValueError, match="convert it to a 16-bit PNG"):
        decode_rgb(data, white_level=4095)


def test_transparency_is_laid_over_white():
    picture = Image.new("RGBA", (2, 1), (200, 0, 0, 0))
    picture.putpixel((1, 0), (200, 0, 100, 255))
    assert pixels(encoded(picture, "PNG")).tolist() == [[[255, 255, 255], [200, 0, 100]]]


def test_a_transparent_colour_of_a_palette_or_of_rgb_is_laid_over_white():
    palette = Image.new("P", (2, 1), 0)
    palette.putpalette([9, 9, 9, 50, 60, 70])
    palette.putpixel((1, 0), 1)
    for picture in (palette, palette.convert("RGB")):
        key = 0 if picture.mode == "P" else (9, 9, 9)
        data = encoded(picture, "PNG", transparency=key)
        assert pixels(data).tolist() == [[[255, 255, 255], [50, 60, 70]]]


def test_an_animation_gives_its_first_frame():
    with Image.open(io.BytesIO(ODD["moving.gif"][0]())) as image:
        assert np.array_equal(pixels(ODD["moving.gif"][0]()), np.asarray(image.convert("RGB")))


def test_what_torchvision_refuses_pillow_decodes(monkeypatch):
    data = encoded(photograph(), "PNG")
    expected = pixels(data)
    monkeypatch.setattr(decoding, "decode_with_torchvision", lambda _: None)
    assert np.array_equal(pixels(data), expected)


def test_what_is_no_image_is_named():
    with pytest.raises(UnidentifiedImageError, match=r"^not an image but text$"):
        decode_rgb(b"a caption")


def test_the_centre_square_is_cut_out():
    image = torch.zeros(3, 9, 5, dtype=torch.uint8)
    image[:, 2:7] = 100  # the rows that stay
    assert RESIZERS["bicubic_antialias"].resize(image, 5).unique().tolist() == [100]
    wide = image.permute(0, 2, 1)
    assert RESIZERS["bicubic_antialias"].resize(wide, 5).unique().tolist() == [100]


@pytest.mark.parametrize("size", [16, 64])
def test_resizing_is_pillows_antialiased_bicubic(size):
    photo = photograph(size=(33, 33))
    image = torch.from_numpy(np.array(photo)).permute(2, 0, 1)
    ours = RESIZERS["bicubic_antialias"].resize(image, size).permute(1, 2, 0).numpy()
    theirs = np.asarray(photo.resize((size, size), Image.Resampling.BICUBIC))
    assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 1


def test_kept_bug_resizing_without_antialias_is_something_else():
    from torchvision.transforms.v2.functional import InterpolationMode, resize

    stripes = torch.zeros(3, 64, 64, dtype=torch.uint8)
    stripes[:, :, ::2] = 255  # finer than the small image can show: gray is right
    small = RESIZERS["bicubic_antialias"].resize(stripes, 16)
    assert (small.int() - 127).abs().max() < 30
    aliased = resize(stripes, [16, 16], InterpolationMode.NEAREST, antialias=False)
    assert set(aliased.unique().tolist()) <= {0, 255}


def test_the_resizers_differ():
    image = torch.from_numpy(np.array(photograph(size=(32, 32)))).permute(2, 0, 1)
    bicubic, bilinear = (
        RESIZERS[name].resize(image, 16) for name in ("bicubic_antialias", "bilinear_antialias")
    )
    assert not torch.equal(bicubic, bilinear)


def test_a_photograph_in_heic_is_decoded(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif", reason="the lock has it")
    pillow_heif.register_heif_opener()
    picture = Image.new("RGB", (60, 40), "blue")
    picture.paste("red", (0, 0, 30, 40))
    picture.save(tmp_path / "photo.heic", quality=90)
    facts = inspect_file(tmp_path / "photo.heic", ManifestConfig())
    assert (facts.format, facts.decodable, facts.width) == ("HEIF", True, 60)
    pixels = decode_rgb((tmp_path / "photo.heic").read_bytes()).int()
    assert pixels.shape == (3, 40, 60)
    assert pixels[0, 20, 5] > 200
    assert pixels[0, 20, 55] < 50
