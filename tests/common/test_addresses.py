"""Addresses: malformed ones are refused, and none shows its secrets."""

import pytest

from sagan.common.addresses import is_address, mask_secrets

SECRET = "s3cr"


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://ann:s3cr%40t@db.example/studies",
        "cannot reach postgresql+psycopg://ann:s3cr%40t@db.example:5432/studies now",
        "postgresql://host/db?user=ann&password=s3cr%40t&ssl=1",
        "host=x password=s3cr%40t user=ann",
        "host=x password='s3cr s3cr' user=ann",
        "ftp://ann:my s3cr s3cret@host/path",
        "ftp://ann:s3cr@s3cr/s3cr@host/path",
        "redis://:s3cr@host/0",
        "ftp://ann:my s3cr\ns3cret@host/path",
        "ftp://ann:x\ns3cr\ny@host/path",
        "ftp://ann:x\ny s3cr/z:s3cr@host/path",
        "s3:/KEY:s3cr@bucket/path",
        "KEY:s3cr/s3cr+s3cr@bucket/path",
        "KEY:/s3cr@bucket",
        "got ['postgresql://ann:s3cr@host/db']; input should be a valid string",
        "Invalid endpoint: http://ann:s3cr@localhost:9000",
        "https://bucket/key?X-Amz-Credential=AB&X-Amz-Signature=s3cr1234",
        "{'key': 'AB', 'secret': 's3cr', 'anon': False}",
        "from ftp://a:s3cr@h/x to sftp://b:s3cr@g/y",
        "https://s3cr@github.com/ann/images",
        "AccountName=ann;AccountKey=s3cr;EndpointSuffix=x",
        "key: AB\nsecret: s3cr\npassphrase = s3cr",
        "Authorization: Bearer s3cr",
    ],
)
def test_no_secret_is_shown(text: str) -> None:
    masked = mask_secrets(text)
    assert SECRET not in masked
    assert "***" in masked
    assert mask_secrets(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:7860 (Ctrl-C ends it)",
        "s3://bucket/folder: no such key",
        "ssh://host:22 is silent\nask admin@host",
        "http://host:9000/x cannot be reached\nask the admin@host",
        "https://host: no such name\nask the admin@host",
        "ssh://ann@host/folder",
        "64 num_tokens = 3, keys: a, b; unexpected token: x",
        "/data/a:b@c/x: no such file",
        "lines of 'file,class'; see a@b.org: step 1 of 2",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert mask_secrets(text) == text


def test_a_given_address_without_a_scheme_may_have_spaces_in_its_password() -> None:
    address = "KEY:my s3cr\ns3cret@bucket/x"
    with pytest.raises(ValueError, match="not a valid address") as error:
        is_address(address)
    assert SECRET not in str(error.value)
    assert SECRET not in mask_secrets(f"'{address}' is no folder", address)


def test_parts_of_a_secret_in_a_librarys_message_are_masked() -> None:
    address = "s3://KEY:s3cr/t00/a%40bcd@bucket/x"
    text = mask_secrets('Invalid bucket name "KEY:s3cr": t00, a@bcd, bucket', address)
    assert text == 'Invalid bucket name "KEY:***": ***, a@***, bucket'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://bucket/x", True),
        ("simplecache::s3://bucket/x", True),
        ("/data/a:b@c", False),
        ("runs/study:1.log", False),
        ("./ann:s3cr@host", False),
        ("C:/data", False),
    ],
)
def test_an_address_has_a_scheme(text: str, expected: bool) -> None:
    assert is_address(text) is expected


@pytest.mark.parametrize(
    "text",
    ["s3:/KEY:s3cr@bucket", "s3:bucket", "ann:s3cr@host/x", "us er:s3cr@host", "KEY:s3cr/s3cr@b"],
)
def test_a_malformed_address_is_refused_without_its_secret(text: str) -> None:
    with pytest.raises(ValueError, match="is not a valid address") as refused:
        is_address(text)
    assert SECRET not in str(refused.value)
