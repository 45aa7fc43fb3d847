import json
import sys

from benchmarks import coverage


def counted(lines, covered, branches=0, taken=0):
    numbers = dict(zip(coverage.COUNTS, (lines, covered, branches, taken), strict=True))
    return {"summary": numbers}


def test_a_row_a_package_and_the_whole(tmp_path, capsys, monkeypatch):
    report = tmp_path / "coverage.json"
    files = {
        "src/sagan/cli.py": counted(10, 5),
        "src/sagan/models/heads.py": counted(20, 20, 4, 3),
        "src/sagan/models/ops/kernels.py": counted(10, 5, 4, 4),
    }
    report.write_text(json.dumps({"files": files}))
    monkeypatch.setattr(sys, "argv", ["coverage", "--report", str(report)])

    assert coverage.main() == 0

    *rows, last = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows] == [".", "all", "models"]
    assert rows[2].split() == ["models", "lines", "83.33", "%", "branches", "87.50", "%"]
    assert json.loads(last) == {"lines_percent": 75.0, "branches_percent": 87.5}
