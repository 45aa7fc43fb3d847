"""The generator bundle: all that is needed to make images, in one small folder.

`generator.safetensors` holds the weights, `config.json` how to build the network and what it was
trained on. Where these weights are a moving average, `generator_raw.safetensors` may hold the last,
unaveraged ones beside them. No data set, no discriminator, no optimiser, no pickle.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from sagan.bundle.description import FORMAT, RawDescription, described, read_config
from sagan.common.files import file_sha256, replacing_folder
from sagan.common.naming import short_names
from sagan.models.config import GeneratorConfig
from sagan.models.generator import Generator, build_generator

WEIGHTS, RAW_WEIGHTS, CONFIG = "generator.safetensors", "generator_raw.safetensors", "config.json"
EMA, RAW = "ema", "raw"
KINDS = (EMA, RAW)


class RawWeights(NamedTuple):
    """The unaveraged generator beside an averaged one."""

    generator: Generator
    facts: dict[str, Any]
    """Those that differ from the averaged one's."""


class GeneratorBundle:
    """A trained generator on disk, bound to its folder and to one kind of its weights."""

    def __init__(self, path: Path, config: dict[str, Any], weights: str | None = None) -> None:
        """Take the folder and the content of its `config.json`; `open` is the way in.

        Raises:
            FileNotFoundError: where the weights' file is missing.
            ValueError: where `config.json` is no bundle's, or names no such weights.
        """
        self.path, self.config = path, config
        self._description = described(config, path / CONFIG)
        self._default = str(self._description.facts.get("weights", RAW))
        self._raw = self._description.raw if self._default != RAW else None
        self.image_size = self._description.image_size
        self.class_names = self._description.class_names
        self.class_titles = self._description.class_titles
        self.num_classes = len(self.class_names)
        self.latent_dim = self._description.generator.latent_dim
        self.weights = self._known(weights)
        """`ema` (averaged) or `raw` (the last step's): those that `facts` and `load` are about."""

    @classmethod
    def open(cls, path: Path | str, weights: str | None = None) -> Self:
        """Open a bundle's folder, which may come from anywhere; nothing in it is run.

        Args:
            path: the folder.
            weights: `ema` or `raw`; None: those that the run was meant to leave, averaged ones
                where there is an average.

        Raises:
            FileNotFoundError: where a file of the bundle is missing.
            ValueError: where the folder holds something else, or no such weights.
        """
        path = Path(path)
        for name in (CONFIG, WEIGHTS):
            if not (path / name).is_file():
                raise FileNotFoundError(
                    f"no generator bundle at {path}: {name} is missing; "
                    "`kedro run --pipeline=train`, with the same --env if any, makes one"
                )
        return cls(path, read_config(path / CONFIG), weights)

    def choose(self, weights: str | None) -> Self:
        """The same bundle bound to others of its weights; None: to the default ones.

        Raises:
            FileNotFoundError: where their file is missing.
            ValueError: naming the weights that it has.
        """
        return type(self)(self.path, self.config, weights)

    @property
    def available(self) -> tuple[str, ...]:
        """The weights that can be chosen, the default ones first."""
        raw = self._raw is not None and (self.path / RAW_WEIGHTS).is_file()
        return (self._default, RAW) if raw else (self._default,)

    @property
    def facts(self) -> dict[str, Any]:
        """What the generator was trained on, and how: images_seen, data_hash, ..."""
        beside = self._beside
        return self._description.facts | (beside.facts if beside else {})

    @property
    def weights_sha256(self) -> str | None:
        """SHA-256 of the weights that were chosen; bundles of earlier versions do not say it."""
        return (self._beside or self._description).weights_sha256

    @property
    def shown_names(self) -> tuple[str, ...]:
        """What people call each class, for pictures: `goldfish`, not `n01443537`."""
        return short_names(self.class_names, self.class_titles)

    def load(self, device: str = "cpu") -> Generator:
        """Build the generator with its weights, in evaluation mode, on a device.

        Raises:
            ValueError: where the weights are damaged or belong to another network.
        """
        file = self.path / (RAW_WEIGHTS if self._beside else WEIGHTS)
        self._check(file)
        with torch.device("meta"):  # no weights are drawn, and no random state moves
            generator = build_generator(
                self._description.generator,
                image_size=self.image_size,
                num_classes=self.num_classes,
            )
        try:
            # cloned, since where a tensor lies in the file decides about its alignment in memory,
            # and that about the last bit of a sum
            state = {name: w.clone() for name, w in load_file(file).items()}
            generator.load_state_dict(state, assign=True)
        except (SafetensorError, RuntimeError) as error:
            raise ValueError(f"{file} does not fit its config.json: {error}") from None
        return generator.eval().requires_grad_(requires_grad=False).to(device)

    def copy_to(self, folder: Path, *, raw: bool) -> None:
        """Copy the bundle's files into an existing folder.

        Args:
            folder: where they go.
            raw: the raw weights too, where there are some beside averaged ones.
        """
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
    def _beside(self) -> RawDescription | None:
        """The raw weights' description, where they are chosen and not the default ones."""
        return self._raw if self.weights != self._default else None

    def _known(self, weights: str | None) -> str:
        """The weights asked for, if the bundle has them."""
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

    def _check(self, file: Path) -> None:
        """Safetensors takes a flipped bit for a weight."""
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
    """Write a bundle's folder, replacing one that is there only when all is written.

    Args:
        path: the folder.
        generator: its weights and buffers are saved as they are.
        config: how it was built.
        class_names: one a label.
        facts: JSON-able; what it was trained on.
        class_titles: what people call the classes, by name, as far as it is known.
        raw: unaveraged weights of the same network, kept beside it; None: none.

    Raises:
        OSError: the disk is full, or may not be written to; what was there before still is.
    """
    description: dict[str, Any] = {
        "format": FORMAT,
        "image_size": generator.image_size,
        "class_names": list(class_names),
        "generator": config.model_dump(mode="json"),
        "facts": facts,
    }
    titles = class_titles or {}
    if known := {name: titles[name] for name in class_names if name in titles}:
        description["class_titles"] = known
    kinds = [generator] if raw is None else [generator, raw.generator]
    with replacing_folder(path, needed_bytes=sum(map(_size_bytes, kinds))) as folder:
        description["weights_sha256"] = _save_weights(generator, folder / WEIGHTS)
        if raw is not None:
            sha256 = _save_weights(raw.generator, folder / RAW_WEIGHTS)
            description[RAW] = {"weights_sha256": sha256, "facts": raw.facts}
        _write_config(folder, description)
    return GeneratorBundle.open(path)


def _save_weights(generator: Generator, file: Path) -> str:
    """Write weights and buffers; the file's SHA-256."""
    state = {name: tensor.cpu().contiguous() for name, tensor in generator.state_dict().items()}
    # the library's own writer says a full disk in an error of its own
    file.write_bytes(save(state))
    return file_sha256(file)


def _size_bytes(generator: Generator) -> int:
    return sum(tensor.nbytes for tensor in generator.state_dict().values())


def _write_config(folder: Path, config: dict[str, Any]) -> None:
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
