"""Files that call themselves images: every kind of bad input that the doors must survive."""

import io
import struct
import zlib
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
from PIL import Image, features


def photograph(mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    width, height = size
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[0:height, 0:width]
    ground = (rows * 3 + columns * 2)[..., None] + random.integers(0, 40, (height, width, 3))
    return Image.fromarray(ground.astype(np.uint8)).convert(mode)


def encoded(image: Image.Image, file_format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=file_format, **options)
    return buffer.getvalue()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width: int = 50_000, height: int = 50_000) -> bytes:
    """A PNG of a few bytes that declares gigapixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(bytes(1000)))
        + png_chunk(b"IEND", b"")
    )


def sixteen_bit() -> Image.Image:
    return Image.fromarray(np.arange(1200, dtype=np.uint16).reshape(30, 40) * 50)


def avif() -> dict[str, tuple[Callable[[], bytes], str]]:
    """AVIF, where the installed Pillow has it."""
    if not features.check("avif"):
        return {}
    return {"photo.avif": (lambda: encoded(photograph(), "AVIF"), "RGB")}


def integers(highest: int) -> Image.Image:
    """An image of 32-bit integers, mode I."""
    values = np.arange(1200, dtype=np.int32).reshape(30, 40) * 50
    values[0, 0] = highest
    return Image.fromarray(values)


def animation() -> bytes:
    frames = [Image.new("P", (40, 30), index) for index in range(3)]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])


# name -> bytes, and what the reason must say
BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty.JPEG": (lambda: b"", "empty file"),
    "page.JPEG": (lambda: b"<!DOCTYPE html><html>404</html>", "not an image but HTML"),
    "text.JPEG": (lambda: b"Not found\n", "not an image but text"),
    "noise.JPEG": (lambda: bytes(range(256)) * 4, "not an image of a known format"),
    "short.JPEG": (lambda: encoded(photograph(size=(200, 200)), "JPEG")[:3000], "truncated"),
    "short.png": (lambda: encoded(photograph(size=(200, 200)), "PNG")[:3000], "cannot be decoded"),
    "bomb.png": (bomb, "decompression bomb"),
    "smaller_bomb.png": (lambda: bomb(9_500, 9_500), "decompression bomb: 9,500 x 9,500"),
    "float.tif": (
        lambda: encoded(photograph("F"), "TIFF"),
        "pixel mode 'F' has no defined conversion to RGB; convert it to 16-bit grey, scaled to "
        "0..65,535",
    ),
    "script.eps": (lambda: encoded(photograph(), "EPS"), "not an image"),
    "phone.heic": (
        lambda: b"\0\0\0\x18ftypheic" + bytes(600),
        "damaged HEIC image"
        if find_spec("pillow_heif")
        else "HEIC image, which needs pillow-heif; install it, or convert the image to PNG or JPEG",
    ),
    "new.jxl": (
        lambda: b"\xff\x0a" + bytes(range(256)),
        "JPEG XL file, which is not read",
    ),
    "layers.psd": (lambda: b"8BPS" + bytes(range(256)), "Photoshop file, which is not read"),
    "wide.tif": (lambda: encoded(integers(70_000), "TIFF"), "32-bit values outside 0 .. 65,535"),
    "negative.tif": (lambda: encoded(integers(-1), "TIFF"), "32-bit values outside 0 .. 65,535"),
}

# odd but sound, each with its mode as Pillow reports it
ODD: dict[str, tuple[Callable[[], bytes], str]] = {
    "plain.JPEG": (lambda: encoded(photograph(), "JPEG"), "RGB"),
    "gray.JPEG": (lambda: encoded(photograph("L"), "JPEG"), "L"),
    "cmyk.JPEG": (lambda: encoded(photograph("CMYK"), "JPEG"), "CMYK"),
    "png_named.JPEG": (lambda: encoded(photograph(), "PNG"), "RGB"),
    "alpha.png": (lambda: encoded(photograph("RGBA"), "PNG"), "RGBA"),
    "gray_alpha.png": (lambda: encoded(photograph("LA"), "PNG"), "LA"),
    "palette.png": (lambda: encoded(photograph("P"), "PNG"), "P"),
    "bit.png": (lambda: encoded(photograph("1"), "PNG"), "1"),
    "deep.png": (lambda: encoded(sixteen_bit(), "PNG"), "I;16"),
    "photo.webp": (lambda: encoded(photograph(), "WEBP"), "RGB"),
    "photo.bmp": (lambda: encoded(photograph(), "BMP"), "RGB"),
    "photo.tif": (lambda: encoded(photograph(), "TIFF"), "RGB"),
    "moving.gif": (animation, "P"),
    "photo.jp2": (lambda: encoded(photograph(), "JPEG2000"), "RGB"),
    "photo.tga": (lambda: encoded(photograph(), "TGA"), "RGB"),
    "integers.tif": (lambda: encoded(integers(65_535), "TIFF"), "I"),
    "portable.pgm": (lambda: encoded(sixteen_bit(), "PPM"), "I"),
}
ODD |= avif()
