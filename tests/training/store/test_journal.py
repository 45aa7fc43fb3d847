import errno
import json
import os

import pytest

from sagan.training.store.journal import Journal


def record(images_seen):
    return {"images_seen": images_seen, "generator_loss": images_seen / 3}


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    for images_seen in (4, 8, 12):
        journal.append(record(images_seen))
    return journal


def seen(journal):
    return [entry["images_seen"] for entry in journal.read()]


def test_reads_what_was_appended(journal):
    assert journal.read() == [record(4), record(8), record(12)]
    assert len(journal.path.read_text().splitlines()) == 3


def test_no_file_is_no_record(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")

    journal.sync()

    assert journal.read() == []


def test_an_undamaged_journal_is_read_without_a_warning(journal, caplog):
    journal.read()

    assert caplog.text == ""


@pytest.mark.parametrize("cut", [1, 5, 20, 40])
def test_a_torn_last_line_is_left_out_and_said(journal, cut, caplog):
    with journal.path.open("a") as file:
        file.write(json.dumps(record(16))[:cut])

    assert seen(journal) == [4, 8, 12]
    assert f"{journal.path} is damaged in line 4" in caplog.text


def test_a_whole_last_record_without_its_newline_is_kept(journal):
    journal.path.write_text(journal.path.read_text().rstrip("\n"))

    assert seen(journal) == [4, 8, 12]
    journal.append(record(16))
    assert seen(journal) == [4, 8, 12, 16]


def test_what_is_appended_after_a_torn_line_is_whole(journal):
    with journal.path.open("a") as file:
        file.write('{"images_seen": 16, "gener')

    journal.append(record(20))

    assert seen(journal) == [4, 8, 12, 20]
    assert json.loads(journal.path.read_text().splitlines()[-1]) == record(20)


@pytest.mark.parametrize(
    "damage",
    [
        b"\0" * 512,  # a power loss: the file's length was on disk, its content was not
        b"\0" * 512 + b"\n",
        b'{"images_seen": 10, "gener',
        b'{"images_seen": 10, "scores": {"fid": 3.0}, "gener',
        b"\xff\xfe\n",
        b"17\n",
    ],
)
def test_no_good_record_is_lost_around_damage_in_the_middle(journal, damage, caplog):
    lines = journal.path.read_bytes().splitlines(keepends=True)
    journal.path.write_bytes(lines[0] + lines[1] + damage + lines[2])

    assert journal.read() == [record(4), record(8), record(12)]
    assert "damaged in line 3" in caplog.text


def test_a_record_before_lost_bytes_is_kept(journal):
    content = journal.path.read_bytes().rstrip(b"\n")
    journal.path.write_bytes(content + b"\0" * 64 + json.dumps(record(16)).encode() + b"\n")

    assert seen(journal) == [4, 8, 12, 16]


def test_rewind_drops_what_came_after_and_mends_the_file(journal, caplog):
    with journal.path.open("a") as file:
        file.write('{"images_seen": 16, "gener')

    journal.rewind(8)

    assert journal.path.read_text() == "".join(json.dumps(record(n)) + "\n" for n in (4, 8))
    caplog.clear()
    assert seen(journal) == [4, 8]
    assert caplog.text == ""


def test_rewind_keeps_all_up_to_the_checkpoint(journal):
    journal.rewind(12)

    assert seen(journal) == [4, 8, 12]


def test_a_full_disk_is_said_with_the_file(journal, monkeypatch):
    monkeypatch.setattr("sagan.training.store.journal._at_line_start", lambda file: _full())

    with pytest.raises(OSError, match="No space left on device while adding") as raised:
        journal.append(record(16))
    assert raised.value.errno == errno.ENOSPC
    assert raised.value.filename == str(journal.path)


def _full():
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_sync_reaches_the_disk(journal, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(file.name))

    journal.sync()

    assert synced == [str(journal.path)]
