"""`SaganGenerator`: a trained generator, from a folder, the Hugging Face Hub or DVC."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import torch
from huggingface_hub import ModelHubMixin, snapshot_download
from huggingface_hub.errors import HFValidationError
from PIL import Image

from sagan.bundle.description import CONFIG
from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.common.devices import choose_device
from sagan.sampling.generate import generate
from sagan.sampling.latents import sample_latents
from sagan.sampling.requests import parse_classes

CARD = "README.md"
# what the card of an exported folder shows, or tells the use of, beside the bundle
_OF_CARD = (
    *("sample_grid.png", "metrics.json"),
    *("generator.pt2", "program.json", "generator.onnx", "space"),
)


class SaganGenerator(ModelHubMixin, library_name="sagan", tags=["gan"]):
    """A trained class-conditional generator.

        from sagan import SaganGenerator

        generator = SaganGenerator.from_pretrained("data/06_models/generator")
        pictures = generator(["3", "7"], count=8, seed=0)

    `from_pretrained(name_or_path, revision=..., weights=..., device=...)` opens a folder, or
    downloads a repository of the Hub; `save_pretrained(folder)` and `push_to_hub(repo_id)` write.
    The class needs huggingface_hub, the extra `hub`.
    """

    def __init__(self, *, bundle: GeneratorBundle, device: str = "cpu") -> None:
        """Load a bundle's weights; `from_pretrained` and `from_dvc` make the bundle.

        Args:
            bundle: With its weights selected.
            device: auto, cpu, cuda or cuda:1.

        Raises:
            ValueError: If the weights are damaged, or the device is not available.
        """
        self.bundle = bundle
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.device = choose_device(device)
        self.module = bundle.load(str(self.device))
        """The network: latents float32 [N, Z], class labels int64 [N] -> images [N, C, H, W]."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their labels."""
        return self.bundle.class_names

    def __call__(
        self,
        classes: Sequence[str | int] | None = None,
        *,
        count: int = 1,
        seed: int = 0,
        truncation: float | None = None,
        batch_size: int = 64,
    ) -> list[Image.Image]:
        """Draw samples, those of `sagan sample` with the same seed.

        Args:
            classes: Names, titles or labels; None: all classes.
            count: Images of each class.
            seed: Of the series of latents.
            truncation: Of the latents [standard deviations]; None: none.
            batch_size: Images generated at once.

        Returns:
            count images of the first class, then of the next one.

        Raises:
            ValueError: For an unknown class, or a truncation or seed out of range.
        """
        names, titles = self.bundle.class_names, self.bundle.class_titles
        asked = [None] if classes is None else [str(name).join('""') for name in classes]
        labels = [label for name in asked for label in parse_classes(name, names, titles)]
        latents = sample_latents(len(labels) * count, self.bundle.latent_dim, seed, truncation)
        class_labels = torch.tensor(labels).repeat_interleave(count)
        batches = generate(self.module, latents, class_labels, batch_size, self.device)
        pixels = torch.cat([batch.permute(0, 2, 3, 1) for batch in batches]).numpy()
        return [Image.fromarray(one[..., 0] if one.shape[-1] == 1 else one) for one in pixels]

    @classmethod
    def from_dvc(
        cls,
        repository: str,
        path: str = "data/06_models/generator",
        *,
        rev: str | None = None,
        weights: str | None = None,
        device: str = "cpu",
    ) -> Self:
        """A generator that a Git repository tracks with DVC; it takes the package dvc.

        Args:
            repository: Address or folder of the repository.
            path: Of the bundle in it.
            rev: Branch, tag or commit.
            weights: `ema` or `raw`; None: averaged if there are.
            device: auto, cpu, cuda or cuda:1.
        """
        import fsspec

        folder = tempfile.TemporaryDirectory(prefix="sagan-")
        copy = Path(folder.name) / "generator"
        files = fsspec.filesystem("dvc", url=repository, rev=rev)
        files.get(path, str(copy), recursive=True)
        made = cls(bundle=GeneratorBundle.open(copy, weights), device=device)
        made._folder = folder  # deleted with the object
        return made

    def _save_pretrained(self, save_directory: Path) -> None:
        """Write the bundle; of an exported folder the model card and all that it is about too."""
        self.bundle.copy_to(save_directory, raw=True)
        if not (self.bundle.path / CARD).is_file():
            return
        for name in (CARD, *_OF_CARD):
            source, target = self.bundle.path / name, save_directory / name
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True)
            elif source.is_file():
                shutil.copy(source, target)

    @classmethod
    def from_pretrained(  # noqa: D417 - options are told in the text
        cls,
        pretrained_model_name_or_path: str | Path,
        **options: Any,  # noqa: ANN401
    ) -> Self:
        """Open a folder, or the Hub's repository of that name.

        Options are `weights` (ema or raw), `device`, and those of the Hub's mixin: `revision`,
        `cache_dir`, `token`, `local_files_only` and their like.

        Args:
            pretrained_model_name_or_path: Of a bundle, an exported folder, or owner/name.

        Raises:
            FileNotFoundError: If there is no such folder, and no repository can have this name.
            ValueError: If the folder contains something else, or damaged weights.
        """
        try:
            return super().from_pretrained(pretrained_model_name_or_path, **options)
        except HFValidationError:
            raise FileNotFoundError(
                f"there is no folder {pretrained_model_name_or_path}, and this is no name of a "
                "repository of the Hub"
            ) from None

    @classmethod
    def _from_pretrained(
        cls,
        *,
        model_id: str,
        weights: str | None = None,
        device: str = "cpu",
        **download: Any,  # noqa: ANN401 - revision, cache_dir, token and their like
    ) -> Self:
        """Open a folder, or the Hub's repository of that name."""
        if not Path(model_id).is_dir():
            wanted = [CONFIG, CARD, "*.safetensors"]
            model_id = snapshot_download(model_id, allow_patterns=wanted, **download)
        return cls(bundle=GeneratorBundle.open(model_id, weights), device=device)
