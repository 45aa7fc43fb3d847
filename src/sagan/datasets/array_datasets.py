"""Arrays on disk: pictures as PNG, samples and feature statistics as `.npz`."""

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from kedro_datasets._typing import ImagePreview

from sagan.datasets.atomic_dataset import REMAKE, AtomicDataset
from sagan.datasets.base import TRAIN_REMEDY

if TYPE_CHECKING:
    import numpy as np

    from sagan.sampling.picture import Picture


# a PNG's text: SHA-256 of the generator's weights, and the truncation of its latents
_DRAWN_WITH, _TRUNCATION = "drawn_with", "truncation"
_PANEL = 3 / 2  # width to height of a picture in Kedro-Viz's side panel


class PNGDataset(AtomicDataset):
    """An RGB picture, uint8 [H, W, 3], with what it was drawn with."""

    REMEDY = TRAIN_REMEDY

    def read(self, path: Path) -> "Picture":
        """Return uint8 [H, W, 3]."""
        import numpy as np
        from PIL import Image

        from sagan.sampling.picture import Picture

        with Image.open(path) as image:
            truncation = image.info.get(_TRUNCATION)
            return Picture.of(
                np.asarray(image.convert("RGB")),
                image.info.get(_DRAWN_WITH),
                None if truncation is None else float(truncation),
            )

    def write(self, path: Path, data: "np.ndarray") -> None:
        """Write the picture.

        Raises:
            ValueError: unless the data is uint8 [H, W, 3].
        """
        import numpy as np
        from PIL import Image, PngImagePlugin

        if data.dtype != np.uint8 or data.ndim != 3 or data.shape[2] != 3:
            raise ValueError(
                f"expected an image uint8 [H, W, 3], got {data.dtype} {list(data.shape)}"
            )
        text = PngImagePlugin.PngInfo()
        for name in (_DRAWN_WITH, _TRUNCATION):
            if value := getattr(data, name, None):
                text.add_text(name, str(value))
        Image.fromarray(data).save(path, format="PNG", optimize=True, pnginfo=text)

    def preview(self) -> ImagePreview:
        """The picture in base64 for Kedro-Viz, centred on a transparent ground.

        Kedro-Viz stretches pictures to its panel, so the ground has the panel's proportions.
        """
        from PIL import Image

        with self.local_copy() as path, Image.open(path) as image:
            picture = image.convert("RGBA")
        width = max(picture.width, round(picture.height * _PANEL))
        height = max(picture.height, round(width / _PANEL))
        ground = Image.new("RGBA", (width, height))
        ground.paste(picture, ((width - picture.width) // 2, (height - picture.height) // 2))
        buffer = io.BytesIO()
        ground.save(buffer, format="PNG")
        return ImagePreview(base64.b64encode(buffer.getvalue()).decode("ascii"))


class ArraysDataset(AtomicDataset):
    """Named arrays in one `.npz`, never pickled: loading one runs no code."""

    required: tuple[str, ...] = ()

    def read(self, path: Path) -> dict[str, "np.ndarray"]:
        """Return the arrays by name.

        Raises:
            ValueError: when the file is damaged, holds Python objects or lacks an array.
        """
        import numpy as np

        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
        except (BadZipFile, EOFError, ValueError, OSError) as error:
            raise ValueError(
                f"{path} is not a valid .npz of plain arrays ({error}); {REMAKE}"
            ) from error
        self._check_names(arrays, str(path))
        return arrays

    def write(self, path: Path, data: dict[str, Any]) -> None:
        """Write the arrays, compressed.

        Raises:
            ValueError: when one of the required arrays is missing or is of Python objects.
        """
        import numpy as np

        self._check_names(data, "what the node returned")
        arrays: dict[str, Any] = {name: np.asarray(value) for name, value in data.items()}
        objects = sorted(name for name, array in arrays.items() if array.dtype.hasobject)
        if objects:
            raise ValueError(f"arrays of Python objects are not saved; got {', '.join(objects)}")
        with path.open("wb") as file:  # an open file, or NumPy appends its own suffix
            np.savez_compressed(file, **arrays)

    def _check_names(self, arrays: dict[str, Any], origin: str) -> None:
        missing = [name for name in self.required if name not in arrays]
        if missing:
            raise ValueError(
                f"{origin}: expected arrays {', '.join(self.required)}; "
                f"got {', '.join(sorted(arrays)) or 'none'}"
            )


class SamplesDataset(ArraysDataset):
    """Generated samples: `images` uint8 [N, C, H, W] and `class_labels` int64 [N]."""

    REMEDY = TRAIN_REMEDY
    required = ("images", "class_labels")


class StatisticsDataset(ArraysDataset):
    """Feature statistics in pytorch-fid's format (`mu` [D], `sigma` [D, D]) and their metadata."""

    required = ("mu", "sigma")


class EvaluationPicturesDataset(ArraysDataset):
    """The arrays of `sagan.metrics.pictures`: samples beside the images they are compared with."""

    required = (
        *("pair_samples", "pair_sample_labels", "pair_sample_indices", "pair_drawn"),
        *("pair_neighbours", "pair_neighbour_labels", "pair_neighbour_indices", "pair_distances"),
        *("class_labels", "class_distances", "class_samples", "class_sample_labels"),
        *("class_real", "class_real_labels", "metadata"),
    )
