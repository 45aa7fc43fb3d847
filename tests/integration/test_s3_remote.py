"""An S3 bucket as DVC's remote, tried against a local S3 server."""

from pathlib import Path

from tests.integration.conftest import command_in
from tests.s3_server import endpoint  # noqa: F401 - a fixture

STAGE = "sampling@base"
OUTS = (
    "data/07_model_output/samples.npz",
    "data/08_reporting/sample_grid.png",
    "data/08_reporting/attention_maps.png",
)


def test_what_was_pushed_to_a_bucket_is_pulled_elsewhere(
    finished_project: Path,
    endpoint: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    clone = tmp_path / "clone"
    here, there = command_in(finished_project), command_in(clone)
    assert here("git", "clone", "--quiet", ".", str(clone)).returncode == 0
    section = "['remote \"s3\"']"
    remote = f"{section}\n    url = s3://runs/sagan\n    endpointurl = {endpoint}\n"
    kept = finished_project / ".dvc/config.local"
    before = kept.read_text() if kept.exists() else ""
    kept.write_text(before + remote)
    (clone / ".dvc/config.local").write_text(remote)

    pushed = here("dvc", "push", "--remote=s3", STAGE)
    kept.write_text(before)
    assert pushed.returncode == 0, pushed.stderr
    assert "3 files pushed" in pushed.stdout
    pulled = there("dvc", "pull", "--remote=s3", STAGE)
    assert pulled.returncode == 0, pulled.stderr
    for out in OUTS:
        assert (clone / out).read_bytes() == (finished_project / out).read_bytes()
