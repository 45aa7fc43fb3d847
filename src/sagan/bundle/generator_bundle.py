"""The generator bundle: a small folder with everything needed to generate images.

`generator.safetensors` holds the weights, `config.json` how to build the network and what it was
trained on. If these weights are a moving average, `generator_raw.safetensors` may hold those of the
last step as well. There is no data set, discriminator, optimiser or pickle.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from sagan.bundle.description import (
    CONFIG,
    FORMAT,
    WEIGHTS,
    RawDescription,
    parse_description,
    read_bundle_config,
)
from sagan.common.devices import without_memory
from sagan.common.files import file_sha256
from sagan.common.naming import short_names
from sagan.common.results import replacing_results
from sagan.common.text import visible
from sagan.models.generator import Generator, build_generator
from sagan.network_config import GeneratorConfig

RAW_WEIGHTS = "generator_raw.safetensors"
EMA, RAW = "ema", "raw"
KINDS = (EMA, RAW)


class RawWeights(NamedTuple):
    """The unaveraged generator stored along with an averaged one."""

    generator: Generator
    facts: dict[str, Any]
    """Facts that differ from those of the averaged one."""


class GeneratorBundle:
    """A trained generator on disk, with one kind of its weights selected."""

    def __init__(self, path: Path, config: dict[str, Any], weights: str | None = None) -> None:
        """Use `open` instead, which reads the folder's `config.json`.

        Raises:
            FileNotFoundError: if the weights' file is missing.
            ValueError: if `config.json` is invalid or has no such weights.
        """
        self.path, self.config = path, config
        self._description = parse_description(config, path / CONFIG)
        self._default = str(self._description.facts.get("weights", RAW))
        self._raw = self._description.raw if self._default != RAW else None
        self.image_size = self._description.image_size
        self.image_channels = self._description.channels
        self.class_names = self._description.class_names
        self.class_titles = self._description.class_titles
        self.num_classes = len(self.class_names)
        self.latent_dim = self._description.generator.latent_dim
        self.weights = self._select(weights)
        """`ema` (averaged) or `raw` (of the last step): the weights that `facts` and `load` use."""

    @classmethod
    def open(cls, path: Path | str, weights: str | None = None) -> Self:
        """Open a bundle's folder; no code in it is run.

        Args:
            path: the folder.
            weights: `ema` or `raw`; None: the default weights, averaged if the run has an average.

        Raises:
            FileNotFoundError: if a file of the bundle is missing.
            ValueError: if the folder contains something else, or no such weights.
        """
        return cls(Path(path), read_bundle_config(Path(path)), weights)

    def choose(self, weights: str | None) -> Self:
        """The same bundle with other weights selected; None: the default ones.

        Raises:
            FileNotFoundError: if their file is missing.
            ValueError: if the bundle lacks them, naming those that it has.
        """
        return type(self)(self.path, self.config, weights)

    @property
    def available(self) -> tuple[str, ...]:
        """The weights that can be selected, the default ones first."""
        raw = self._raw is not None and (self.path / RAW_WEIGHTS).is_file()
        return (self._default, RAW) if raw else (self._default,)

    @property
    def facts(self) -> dict[str, Any]:
        """What the generator was trained on, and how: images_seen, data_hash, ..."""
        return self._description.facts | (self._selected_raw.facts if self._selected_raw else {})

    @property
    def weights_sha256(self) -> str | None:
        """SHA-256 of the selected weights; None in bundles of earlier versions."""
        return (self._selected_raw or self._description).weights_sha256

    @property
    def shown_names(self) -> tuple[str, ...]:
        """Readable class names for pictures: `goldfish`, not `n01443537`."""
        return short_names(self.class_names, self.class_titles)

    def load(self, device: str = "cpu") -> Generator:
        """Build the generator with its weights, in evaluation mode, on a device.

        Raises:
            ValueError: if the weights are damaged, not finite, or of another network.
        """
        file = self.path / (RAW_WEIGHTS if self._selected_raw else WEIGHTS)
        self._verify_checksum(file)
        with without_memory():  # no weights are initialised, and the random state is unchanged
            generator = build_generator(
                self._description.generator.for_image_size(self.image_size),
                image_size=self.image_size,
                num_classes=self.num_classes,
                image_channels=self.image_channels,
            )
        try:
            # cloned, since a tensor's position in the file determines its alignment in memory,
            # and the alignment the last bit of a sum
            state = {name: w.clone() for name, w in load_file(file).items()}
        except (SafetensorError, RuntimeError) as error:
            raise ValueError(f"{file} does not fit its {CONFIG}: {error}") from None
        self._require_fit(file, state, generator)
        generator.load_state_dict(state, assign=True)
        broken = next((name for name, w in state.items() if not bool(w.isfinite().all())), None)
        if broken is not None:
            raise ValueError(
                f"{file}: '{broken}' has NaN or infinite values, with which every image is broken; "
                "export another checkpoint, or train again"
            )
        return generator.eval().requires_grad_(requires_grad=False).to(device)

    def _require_fit(self, file: Path, state: dict[str, Tensor], generator: Generator) -> None:
        """Refuse weights of another network than `config.json` describes."""
        found = {name: _shape(tensor) for name, tensor in state.items()}
        wanted = {name: _shape(tensor) for name, tensor in generator.state_dict().items()}
        faults = [
            f"{name} is {found.get(name, 'missing')}, expected {wanted.get(name, 'none')}"
            for name in sorted(found.keys() | wanted.keys())
            if found.get(name) != wanted.get(name)
        ]
        if faults:
            more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
            raise ValueError(
                f"{file} does not fit its {CONFIG} ({self.num_classes} class names, "
                f"{self.image_size} px): {visible('; '.join(faults[:3]))}{more}"
            )

    def copy_to(self, folder: Path, *, raw: bool) -> None:
        """Copy the bundle's files into an existing folder; `raw`: the raw weights too, if any."""
        config = dict(self.config)
        names = [WEIGHTS]
        if raw and RAW in self.available[1:]:
            names.append(RAW_WEIGHTS)
        else:
            config.pop(RAW, None)
        for name in names:
            shutil.copy2(self.path / name, folder / name)
        _write_config(folder, config)

    @property
    def _selected_raw(self) -> RawDescription | None:
        """The raw weights' description, if they are selected and not the default."""
        return self._raw if self.weights != self._default else None

    def _select(self, weights: str | None) -> str:
        """Resolve `weights` to one of the available kinds."""
        if weights in {None, self._default}:
            return self._default
        if weights == RAW and self._raw is not None:
            if not (self.path / RAW_WEIGHTS).is_file():
                raise FileNotFoundError(
                    f"{self.path}: {RAW_WEIGHTS} is missing, which config.json names; "
                    "fetch the bundle again"
                )
            return RAW
        remedies = {
            EMA: "set training.ema_decay to train with averaged weights",
            RAW: "training.export_raw=true exports the raw weights beside the averaged ones",
        }
        remedy = remedies.get(str(weights), f"expected one of {', '.join(KINDS)}")
        raise ValueError(
            f"{self.path} has no {weights} weights, but {', '.join(self.available)}; {remedy}"
        )

    def _verify_checksum(self, file: Path) -> None:
        """Safetensors does not detect flipped bits."""
        expected, found = self.weights_sha256, file_sha256(file)
        if expected is not None and found != expected:
            raise ValueError(
                f"{file} was changed after it was written: SHA-256 {found[:12]}..., "
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
    raw: RawWeights | None = None,
) -> GeneratorBundle:
    """Write a bundle's folder, replacing an existing one only once all is written.

    Args:
        path: the folder.
        generator: its weights and buffers are saved.
        config: of the generator.
        class_names: one per label.
        facts: JSON-able, about its training.
        class_titles: class name -> readable title, possibly of some classes only.
        raw: unaveraged weights of the same network; None: none.

    Raises:
        OSError: the disk is full or not writable; an existing bundle is kept.
    """
    description: dict[str, Any] = {
        "format": FORMAT,
        "image_size": generator.image_size,
        "channels": generator.image_channels,
        "class_names": list(class_names),
        "generator": config.for_image_size(generator.image_size).model_dump(mode="json"),
        "facts": facts,
    }
    titles = class_titles or {}
    if known := {name: titles[name] for name in class_names if name in titles}:
        description["class_titles"] = known
    kinds = [generator] if raw is None else [generator, raw.generator]
    with replacing_results(path, needed_bytes=sum(map(_size_bytes, kinds))) as folder:
        description["weights_sha256"] = _save_weights(generator, folder / WEIGHTS)
        if raw is not None:
            sha256 = _save_weights(raw.generator, folder / RAW_WEIGHTS)
            description[RAW] = {"weights_sha256": sha256, "facts": raw.facts}
        _write_config(folder, description)
    return GeneratorBundle.open(path)


def _shape(tensor: Tensor) -> str:
    """Such as `float32 [128, 4]`."""
    return f"{str(tensor.dtype).removeprefix('torch.')} {[*tensor.shape]}"


def _save_weights(generator: Generator, file: Path) -> str:
    """Write weights and buffers and return the file's SHA-256."""
    state = {name: tensor.cpu().contiguous() for name, tensor in generator.state_dict().items()}
    # safetensors' own writer reports a full disk by an error that is not an OSError
    file.write_bytes(save(state))
    return file_sha256(file)


def _size_bytes(generator: Generator) -> int:
    return sum(tensor.nbytes for tensor in generator.state_dict().values())


def _write_config(folder: Path, config: dict[str, Any]) -> None:
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
