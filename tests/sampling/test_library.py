"""`from sagan import SaganGenerator`: folders, the Hub's files, DVC, samples as the command's."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard

import sagan
from sagan import SaganGenerator
from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.sampling.generate import generate
from sagan.sampling.latents import sample_latents
from tests.small_world import small_bundle

LABELS = torch.tensor([0, 1, 2])


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> GeneratorBundle:
    return small_bundle(tmp_path_factory.mktemp("library") / "generator", averaged=True)


def test_samples_are_those_of_the_command(bundle) -> None:
    generator = SaganGenerator.from_pretrained(bundle.path)
    pictures = generator([1, bundle.class_names[0]], count=2, seed=3)
    latents, labels = sample_latents(4, bundle.latent_dim, 3), torch.tensor([1, 1, 0, 0])
    expected = torch.cat(list(generate(bundle.load(), latents, labels, 64)))
    assert np.array_equal(np.stack(pictures), expected.permute(0, 2, 3, 1).numpy())
    every = torch.cat(
        [*generate(bundle.load(), sample_latents(3, bundle.latent_dim, 0), LABELS, 64)]
    )
    assert np.array_equal(np.stack(generator()), every.permute(0, 2, 3, 1).numpy())
    with pytest.raises(ValueError, match="unknown"):
        generator(["no such class"])


def test_a_wrong_folder_is_refused_in_our_words() -> None:
    with pytest.raises(FileNotFoundError, match=r"no folder data/06_models/none, and this is no"):
        SaganGenerator.from_pretrained("data/06_models/none")


def test_it_is_saved_whole_and_the_raw_weights_can_be_chosen(bundle, tmp_path: Path) -> None:
    SaganGenerator.from_pretrained(bundle.path).save_pretrained(tmp_path / "copy")
    again = SaganGenerator.from_pretrained(tmp_path / "copy", weights="raw")
    assert again.bundle.config == bundle.config
    assert again.bundle.weights == "raw"
    assert ModelCard.load(tmp_path / "copy" / "README.md").data.library_name == "sagan"


def test_a_card_is_saved_with_all_that_it_shows(bundle, tmp_path: Path) -> None:
    """Into a folder that may have been saved to before; nothing else of an exported one."""
    exported, target = tmp_path / "exported", tmp_path / "copy"
    shutil.copytree(bundle.path, exported)
    (exported / "space").mkdir()
    shown = ("README.md", "sample_grid.png", "space/app.py")
    for name in (*shown, "notes.txt"):
        (exported / name).write_text(f"of {name}")
    for _ in range(2):
        SaganGenerator.from_pretrained(exported).save_pretrained(target)

    assert [(target / name).read_text() for name in shown] == [f"of {name}" for name in shown]
    assert not (target / "notes.txt").exists()


def test_a_grey_generator_draws_grey_images(tmp_path: Path) -> None:
    grey = small_bundle(tmp_path / "grey", channels=1)
    assert {one.mode for one in SaganGenerator.from_pretrained(grey.path)()} == {"L"}


def test_a_repository_with_dvc(bundle, tmp_path: Path) -> None:
    SaganGenerator.from_pretrained(bundle.path).save_pretrained(tmp_path / "data/generator")
    author = ("-c", "user.name=tester", "-c", "user.email=tester@example.org")
    for words in (
        ["git", "init", "-q"],
        [sys.executable, "-m", "dvc", "init", "-q"],
        [sys.executable, "-m", "dvc", "add", "-q", "data/generator"],
        ["git", "add", "--all"],
        ["git", *author, "commit", "-qm", "model"],
    ):
        subprocess.run(words, cwd=tmp_path, check=True)
    fetched = SaganGenerator.from_dvc(str(tmp_path), "data/generator")
    assert fetched.bundle.weights_sha256 == bundle.weights_sha256
    assert len(fetched([0], count=2)) == 2


def test_a_missing_huggingface_hub_is_one_sentence(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.delitem(sys.modules, "sagan.sampling.library")
    with pytest.raises(ImportError, match=r"the extra hub.*: pip install huggingface-hub$"):
        from sagan import SaganGenerator as _  # noqa: F401


def test_other_names_are_no_attributes() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Sagan'"):
        _ = sagan.Sagan
