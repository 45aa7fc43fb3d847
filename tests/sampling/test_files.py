import numpy as np
import pytest
from PIL import Image

from sagan.sampling.files import write_pngs

NAMES = ("cat", "a/b", "..")


@pytest.fixture(params=[3, 1])
def images(request):
    return np.random.default_rng(0).integers(0, 256, (4, request.param, 8, 8), dtype=np.uint8)


def written(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*.png")}


def test_every_sample_lies_in_the_folder_of_its_class_under_its_index(images, tmp_path):
    write_pngs(tmp_path / "samples", images, np.array([0, 2, 1, 0]), NAMES)

    names = ["cat/000000.png", "%2E%2E/000001.png", "a%2Fb/000002.png", "cat/000003.png"]
    assert written(tmp_path / "samples") == set(names)
    assert [path.name for path in tmp_path.iterdir()] == ["samples"]
    for name, image in zip(names, images, strict=True):
        with Image.open(tmp_path / "samples" / name) as file:
            assert file.mode == ("L" if len(image) == 1 else "RGB")
            assert (np.asarray(file) == image.transpose(1, 2, 0).squeeze()).all()


def test_samples_of_an_earlier_time_are_replaced(images, tmp_path):
    write_pngs(tmp_path / "samples", images, np.array([0, 1, 2, 2]), NAMES)
    write_pngs(tmp_path / "samples", images[:1], np.array([0]), NAMES)

    assert written(tmp_path / "samples") == {"cat/000000.png"}


@pytest.mark.parametrize("other", ["note.txt", "cat/mine.png", "empty", "cat/deeper/000000.png"])
def test_what_is_no_sample_is_not_removed(images, tmp_path, other):
    folder = tmp_path / "samples"
    write_pngs(folder, images, np.zeros(4, int), NAMES)
    path = folder / other
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine") if path.suffix else path.mkdir()
    before = sorted(folder.rglob("*"))

    with pytest.raises(
        FileExistsError, match=path.parts[-1] if "deeper" not in other else "deeper"
    ):
        write_pngs(folder, images[:1], np.zeros(1, int), NAMES)

    assert sorted(folder.rglob("*")) == before
