import pytest
from kedro.io import DatasetError

from sagan.datasets import JSONFolderDataset


def test_a_folder_of_json_is_read_by_name_and_never_written(tmp_path):
    (tmp_path / "b.json").write_text('{"two": 2}')
    (tmp_path / "a.json").write_text("[1]")
    (tmp_path / "notes.txt").write_text("not ours")
    dataset = JSONFolderDataset(filepath=str(tmp_path))
    assert dataset.load() == {"a": [1], "b": {"two": 2}}
    with pytest.raises(DatasetError, match="read-only"):
        dataset.save({})
    (tmp_path / "a.json").write_text("[1")
    with pytest.raises(DatasetError, match=r"a\.json is not valid JSON .*; correct the file"):
        dataset.load()
    with pytest.raises(DatasetError, match="expected a folder of JSON"):
        JSONFolderDataset(filepath=str(tmp_path / "none")).load()
