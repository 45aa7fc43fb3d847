"""The generator bundle: all that is needed to make images, in one small folder.

`generator.safetensors` holds the weights, `config.json` how to build the network and what it was
trained on. No data set, no discriminator, no optimiser, no pickle.
"""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from sagan.files import file_sha256, replace_folder
from sagan.models.config import GeneratorConfig
from sagan.models.generator import Generator, build_generator
from sagan.naming import short_names

WEIGHTS, CONFIG = "generator.safetensors", "config.json"
_FORMAT = "sagan-generator-1"


class GeneratorBundle:
    """A trained generator on disk, bound to its folder."""

    def __init__(self, path: Path, config: dict[str, Any]) -> None:
        """Take the folder and the content of its `config.json`; `open` is the way in."""
        self.path, self.config = path, config
        self.image_size = int(config["image_size"])
        self.class_names: tuple[str, ...] = tuple(config["class_names"])
        self.class_titles: dict[str, str] = {**config.get("class_titles", {})}
        self.num_classes = len(self.class_names)
        self._generator_config = GeneratorConfig(**config["generator"])
        self.latent_dim = self._generator_config.latent_dim

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Open a bundle's folder.

        Raises:
            FileNotFoundError: where a file of the bundle is missing.
            ValueError: where the folder holds something else.
        """
        path = Path(path)
        for name in (CONFIG, WEIGHTS):
            if not (path / name).is_file():
                raise FileNotFoundError(
                    f"no generator bundle at {path}: {name} is missing; "
                    "`kedro run --pipeline=train` makes one"
                )
        try:
            config = json.loads((path / CONFIG).read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise ValueError(f"{path / CONFIG} is not JSON: {error}") from None
        if config.get("format") != _FORMAT:
            raise ValueError(f"{path / CONFIG}: format {config.get('format')!r}, not {_FORMAT!r}")
        return cls(path, config)

    @property
    def facts(self) -> dict[str, Any]:
        """What the generator was trained on, and how: images_seen, data_hash, ..."""
        facts: dict[str, Any] = self.config["facts"]
        return facts

    @property
    def shown_names(self) -> tuple[str, ...]:
        """What people call each class, for pictures: `goldfish`, not `n01443537`."""
        return short_names(self.class_names, self.class_titles)

    def load(self, device: str = "cpu") -> Generator:
        """Build the generator with its weights, in evaluation mode, on a device.

        Raises:
            ValueError: where the weights are damaged or belong to another network.
        """
        self._check_weights()
        with torch.device("meta"):  # no weights are drawn, and no random state moves
            generator = build_generator(
                self._generator_config, image_size=self.image_size, num_classes=self.num_classes
            )
        try:
            # cloned, since where a tensor lies in the file decides about its alignment in memory,
            # and that about the last bit of a sum
            state = {name: w.clone() for name, w in load_file(self.path / WEIGHTS).items()}
            generator.load_state_dict(state, assign=True)
        except (SafetensorError, RuntimeError) as error:
            raise ValueError(
                f"{self.path / WEIGHTS} does not fit its config.json: {error}"
            ) from None
        return generator.eval().requires_grad_(requires_grad=False).to(device)

    def _check_weights(self) -> None:
        """Safetensors takes a flipped bit for a weight."""
        expected = self.config.get("weights_sha256")  # bundles of earlier versions have none
        found = file_sha256(self.path / WEIGHTS)
        if expected is not None and found != expected:
            raise ValueError(
                f"{self.path / WEIGHTS} was changed after it was written: SHA-256 {found[:12]}..., "
                f"config.json has {expected[:12]}...; fetch the bundle again, or train again"
            )


def save_bundle(
    path: Path,
    generator: Generator,
    config: GeneratorConfig,
    *,
    class_names: tuple[str, ...],
    facts: dict[str, Any],
    class_titles: Mapping[str, str] | None = None,
) -> GeneratorBundle:
    """Write a bundle's folder, replacing one that is there only when all is written.

    Args:
        path: the folder.
        generator: its weights and buffers are saved as they are.
        config: how it was built.
        class_names: one a label.
        facts: JSON-able; what it was trained on.
        class_titles: what people call the classes, by name, as far as it is known.
    """
    description = {
        "format": _FORMAT,
        "image_size": generator.image_size,
        "class_names": list(class_names),
        "generator": config.model_dump(mode="json"),
        "facts": facts,
    }
    titles = class_titles or {}
    if known := {name: titles[name] for name in class_names if name in titles}:
        description["class_titles"] = known
    state = {name: tensor.cpu().contiguous() for name, tensor in generator.state_dict().items()}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / path.name
        folder.mkdir()
        save_file(state, folder / WEIGHTS)
        (folder / WEIGHTS).chmod(0o644)  # the library makes it private
        description["weights_sha256"] = file_sha256(folder / WEIGHTS)
        (folder / CONFIG).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
        replace_folder(folder, path)
    return GeneratorBundle.open(path)
