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


@pytest.mark.parametrize(
    "line",
    ["\0" * 30, '{"images_seen"', "[8]", '{"images_seen": "8"}', '{"images_seen": NaN}', "\x85"],
)
def test_a_damaged_line_in_the_middle_is_left_out_and_its_number_said(journal, line, caplog):
    lines = journal.path.read_text().splitlines()
    journal.path.write_text("\n".join([lines[0], line, lines[2], "x"]) + "\n", encoding="utf-8")

    journal.rewind(12)

    assert "damaged in line 2, 4" in caplog.text
    assert seen(journal) == [4, 12]


def test_bytes_that_a_power_loss_left_are_no_record(journal, caplog):
    with journal.path.open("ab") as file:
        file.write(b"\0" * 512)

    assert seen(journal) == [4, 8, 12]
    assert "damaged in line 4" in caplog.text


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
    monkeypatch.setattr(json, "dumps", _full)

    with pytest.raises(OSError, match="No space left on device while adding") as raised:
        journal.append(record(16))
    assert raised.value.errno == errno.ENOSPC
    assert raised.value.filename == str(journal.path)


def _full(_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_sync_reaches_the_disk(journal, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(file.name))

    journal.sync()

    assert synced == [str(journal.path)]


@pytest.mark.parametrize("line", ["12", '"text"', "[1]", "null"])
def test_a_line_that_is_no_record_is_left_out_and_said(journal, line, caplog):
    lines = journal.path.read_text().splitlines()
    journal.path.write_text("\n".join([lines[0], line, *lines[1:]]) + "\n")

    assert seen(journal) == [4, 8, 12]
    assert "damaged in line 2" in caplog.text
    journal.rewind(8)
    assert seen(journal) == [4, 8]
