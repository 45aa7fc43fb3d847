"""Shard stores at any address of fsspec; here `memory://`, folders, and S3."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from kedro.io import DatasetError

from sagan.data.config import ManifestConfig, PreprocessingConfig
from sagan.data.image_folder import ImageFolder
from sagan.data.manifest.build import build_manifest, records
from sagan.data.shards.build import build_stores
from sagan.data.shards.store import INDEX, ShardStore, index_checksum
from sagan.data.shards.transfer import TransferError, fetch_store, publish_store
from sagan.datasets import ShardStoreDataset
from tests.drawn_images import draw_image_folder
from tests.program import program

main = program("data", "transfer")


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> ShardStore:
    folder = ImageFolder.open(draw_image_folder(tmp_path_factory.mktemp("t") / "images"))
    images = records(build_manifest(folder, ManifestConfig(workers=1)))
    config = PreprocessingConfig(image_size=16, shard_images=5)
    return build_stores(folder.path, images, tmp_path_factory.mktemp("stores"), config)[0]


@pytest.fixture(params=["memory", "folder"])
def address(request, tmp_path) -> str:
    if request.param == "folder":
        return f"file://{tmp_path}/there/shards"
    fsspec.filesystem("memory").store.clear()
    return "memory://bucket/shards"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_there_and_back_are_the_same_bytes(store, address, tmp_path):
    publish_store(store, address)
    fetched = fetch_store(address, tmp_path / "here")
    assert fetched.path == tmp_path / "here" / store.key
    assert contents(fetched.path) == contents(store.path)


def test_a_second_time_nothing_is_sent_or_fetched(store, address, tmp_path, monkeypatch):
    publish_store(store, address)
    fetch_store(address, tmp_path / "here")

    def refuse(*_, **__):
        raise AssertionError("copied again")

    remote, _ = fsspec.core.url_to_fs(address)
    monkeypatch.setattr(remote, "put_file", refuse)
    monkeypatch.setattr(remote, "get_file", refuse)
    publish_store(store, address)
    fetch_store(address, tmp_path / "here")


def test_a_fetch_that_was_cut_short_goes_on(store, address, tmp_path, monkeypatch):
    publish_store(store, address)
    remote, _ = fsspec.core.url_to_fs(address)
    get, got = remote.get_file, []

    def fails_at(limit):
        def getting(source, target):
            if len(got) >= limit:
                raise ConnectionError("the line is dead")
            got.append(source)
            get(source, target)

        return getting

    monkeypatch.setattr(remote, "get_file", fails_at(4))
    with pytest.raises(TransferError, match="cannot be fetched"):
        fetch_store(address, tmp_path / "here")
    with pytest.raises(FileNotFoundError, match="not a complete shard store"):
        ShardStore.open(tmp_path / "here" / store.key)
    monkeypatch.setattr(remote, "get_file", fails_at(1000))
    assert contents(fetch_store(address, tmp_path / "here").path) == contents(store.path)
    assert len(got) == len(set(got)) == len(store.files())


def test_a_publishing_that_was_cut_short_is_no_store_and_goes_on(store, address, monkeypatch):
    remote, _ = fsspec.core.url_to_fs(address)
    put, sent = remote.put_file, []

    def fails_at(limit):
        def putting(source, target):
            if len(sent) >= limit:
                remote.pipe_file(target, b"half")
                raise OSError("the line is dead")
            sent.append(source)
            put(source, target)

        return putting

    monkeypatch.setattr(remote, "put_file", fails_at(3))
    with pytest.raises(TransferError, match="cannot be written to: the line is dead"):
        publish_store(store, address)
    with pytest.raises(TransferError, match="there is no shard store at"):
        fetch_store(address, Path("/nowhere"))
    monkeypatch.setattr(remote, "put_file", fails_at(1000))
    publish_store(store, address)
    assert len(sent) == len(set(sent)) == len(store.files()), "no file is sent twice"


def test_a_file_that_was_altered_there_is_refused_by_name(store, address, tmp_path):
    publish_store(store, address)
    remote, root = fsspec.core.url_to_fs(address)
    data = bytearray(remote.cat_file(f"{root}/train-00001.npy"))
    data[-1] ^= 1
    remote.pipe_file(f"{root}/train-00001.npy", bytes(data))
    with pytest.raises(TransferError, match=r"train-00001\.npy' does not match the index"):
        fetch_store(address, tmp_path / "here")
    assert not (tmp_path / "here" / store.key / INDEX).exists()
    assert not list((tmp_path / "here").rglob("*.saving"))
    remote.rm_file(f"{root}/train-00001.npy")
    with pytest.raises(TransferError, match=r"train-00001\.npy' cannot be fetched: it is missing"):
        fetch_store(address, tmp_path / "here")
    remote.pipe_file(f"{root}/{INDEX}", b"{}")
    with pytest.raises(ValueError, match=r"index\.json is damaged"):
        fetch_store(address, tmp_path / "other")


@pytest.mark.parametrize("name", ["../../evil.npy", "/tmp/evil.npy", "a/train-0.npy", ".."])
def test_an_index_whose_files_lead_out_of_the_folder_is_refused(store, address, tmp_path, name):
    publish_store(store, address)
    remote, root = fsspec.core.url_to_fs(address)
    index = json.loads(remote.cat_file(f"{root}/{INDEX}"))
    index["splits"]["train"]["shards"][0]["file"] = name
    remote.pipe_file(
        f"{root}/{INDEX}", json.dumps(index | {"checksum": index_checksum(index)}).encode()
    )
    with pytest.raises(ValueError, match=r"index\.json is damaged"):
        fetch_store(address, tmp_path / "here")
    assert not list((tmp_path / "here").rglob("*.npy"))


@pytest.mark.parametrize(
    ("nowhere", "said"),
    [
        ("memory://nothing/here", "there is no shard store at"),
        ("foo://x/y", "'foo://x/y' cannot be opened: Protocol not known"),
    ],
)
def test_an_address_without_a_store(nowhere, said, tmp_path):
    with pytest.raises(TransferError, match=said):
        fetch_store(nowhere, tmp_path)


@pytest.mark.parametrize(
    "address", ["s3:/KEY:s3cr@bucket/x", "KEY:s3cr@bucket/x", "nosuch://ann:my s3cr@host/x"]
)
def test_an_address_that_is_none_is_refused_without_its_secret(store, address, tmp_path, capsys):
    assert main([str(store.path), address]) == 1
    assert main([address, str(tmp_path / "here")]) == 1
    said = capsys.readouterr().err
    assert len(re.findall("is not a valid address|cannot be opened: Protocol not known", said)) == 2
    assert "s3cr" not in said
    assert main(["memory://a/b", address, "extra"]) == 2
    assert main(["memory://nothing/b", "memory://c/d"]) == 1
    assert "TO is none here" in (said := capsys.readouterr().err)
    assert "s3cr" not in said


def test_a_backends_error_is_one_sentence_without_the_secret(store, tmp_path, monkeypatch):
    class BackendError(Exception):
        pass

    def refuse(*_, **__):
        raise BackendError('Invalid bucket name "KEY:s3cr"\nand more')

    monkeypatch.setattr(fsspec.core.url_to_fs("memory://x")[0], "cat_file", refuse)
    with pytest.raises(TransferError) as failed:
        fetch_store("memory://KEY:s3cr/t00@bucket/x", tmp_path)
    assert "'memory://KEY:***@bucket/x'" in str(failed.value)
    assert 'Invalid bucket name "KEY:***";' in str(failed.value)
    assert failed.value.__cause__ is None


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionRefusedError(111, "Connection refused"), r"[Errno 111] Connection refused"),
        (ValueError("validation failed:\nno bucket 'KEY:s3cr'\nx"), "validation failed: no bucket"),
    ],
)
def test_a_backend_that_connects_at_once_is_not_called_an_address(
    tmp_path, monkeypatch, error, said
):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(fsspec.core, "url_to_fs", refuse)
    with pytest.raises(TransferError) as failed:
        fetch_store("ssh://KEY:s3cr@127.0.0.1/x", tmp_path)
    assert str(failed.value).startswith(f"'ssh://KEY:***@127.0.0.1/x' cannot be opened: {said}")
    assert "s3cr" not in str(failed.value)


def test_the_catalog_fetches(store, address, tmp_path):
    publish_store(store, f"{address}/{store.key}")
    dataset = ShardStoreDataset(
        filepath=str(tmp_path / "data/image_shards.json"), address=f"{address}/{store.key}"
    )
    assert dataset.exists()
    loaded = dataset.load()
    assert loaded.path == tmp_path / "data/shards" / store.key
    assert contents(loaded.path) == contents(store.path)
    missing = ShardStoreDataset(filepath=str(tmp_path / "x.json"), address=f"{address}/none")
    with pytest.raises(DatasetError, match="there is no shard store at"):
        missing.load()


def test_the_command_copies_either_way(store, address, tmp_path, capsys):
    assert main([str(store.path), address]) == 0
    assert main([f"{address}/{store.key}", str(tmp_path / "here")]) == 0
    assert Path(capsys.readouterr().out.strip()) == tmp_path / "here" / store.key
    assert main([f"{address}/none", str(tmp_path / "here")]) == 1
    assert "there is no shard store at" in capsys.readouterr().err


@pytest.fixture
def bucket(monkeypatch) -> Iterator[str]:
    """An S3 bucket on this machine."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        keys = {"key": "testing", "secret": "testing", "endpoint_url": f"http://{host}:{port}"}
        monkeypatch.setitem(fsspec.config.conf, "s3", keys)
        boto3.client(
            "s3",
            endpoint_url=keys["endpoint_url"],
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            region_name="us-east-1",
        ).create_bucket(Bucket="bucket")
        yield "s3://bucket/shards"
    finally:
        server.stop()


def test_a_bucket_on_s3_serves(store, bucket, tmp_path):
    publish_store(store, bucket)
    assert contents(fetch_store(bucket, tmp_path / "here").path) == contents(store.path)
    with pytest.raises(TransferError, match="there is no shard store at"):
        fetch_store(f"{bucket}/none", tmp_path)
    with pytest.raises(TransferError, match="bucket does not exist"):
        publish_store(store, "s3://misspelt/shards")
