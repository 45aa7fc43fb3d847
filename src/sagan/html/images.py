"""Images as `data:` addresses, so that a page needs no file beside it."""

import base64
import io

import numpy as np

LOSSLESS_BYTES = 128 * 1024  # of a picture; a larger one is compressed, or the page grows too heavy
QUALITY = 90  # of WebP


def data_uri(picture: np.ndarray, *, lossless_bytes: int = LOSSLESS_BYTES) -> str:
    """A picture as a `data:` address: PNG, or WebP where the PNG would be large.

    Args:
        picture: uint8 [H, W, 3], or [H, W] of grey.
        lossless_bytes: Largest size of the PNG.
    """
    from PIL import Image

    image, kind = Image.fromarray(picture), "png"
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    if buffer.tell() > lossless_bytes:
        buffer, kind = io.BytesIO(), "webp"
        image.save(buffer, format="WEBP", quality=QUALITY, method=4)
    return f"data:image/{kind};base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
