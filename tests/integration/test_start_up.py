"""Start-up is light: no command imports a heavy library before a node needs it."""

import json
import signal
import subprocess
import sys
from pathlib import Path

from tests.integration.conftest import environment

HEAVY = ["torch", "torchvision", "great_expectations", "optuna", "sklearn", "pytorch_fid"]
HEAVY += ["matplotlib", "plotly", "pandas", "scipy"]


def imported_by(project: Path, code: str) -> list[str]:
    report = f"import json, sys; print(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"],
        cwd=project,
        env=environment(project),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_registering_every_pipeline_imports_nothing_heavy(project: Path) -> None:
    code = "from sagan.pipeline_registry import register_pipelines; register_pipelines()"
    assert imported_by(project, code) == []


def test_help_imports_nothing_heavy(project: Path) -> None:
    code = (
        "from click.testing import CliRunner\n"
        "from sagan.cli import run\n"
        "assert CliRunner().invoke(run, ['--help']).exit_code == 0"
    )
    assert imported_by(project, code) == []


def test_context_catalog_and_checked_parameters_import_nothing_heavy(project: Path) -> None:
    """All that happens before the first node of a run."""
    code = (
        "from pathlib import Path\n"
        "from kedro.framework.session import KedroSession\n"
        "from kedro.framework.startup import bootstrap_project\n"
        "bootstrap_project(Path.cwd())\n"
        "context = KedroSession.create().load_context()\n"
        "assert context.params['training'].batch_size > 0\n"
        "assert 'generator_bundle' in context.catalog"
    )
    # Kedro's own MemoryDataset, which holds the parameters, imports pandas
    assert imported_by(project, code) in ([], ["pandas"])


def test_ctrl_c_while_kedro_imports_its_plugins_ends_in_one_line(project: Path) -> None:
    """Plugins are imported behind the project's settings and before its commands."""
    code = (
        "import os, signal, sys\n"
        "from kedro.framework.cli import cli\n"
        "def plugins(name):\n"
        "    if name == 'global':\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        print('went on')\n"
        "    return []\n"
        "cli.load_entry_points = plugins\n"
        "sys.argv = [{program!r}, 'run']\n"
        "cli.main()\n"
    )
    for program, status in (("/x/bin/kedro", 75), ("another", -signal.SIGINT)):
        done = subprocess.run(
            [sys.executable, "-c", code.format(program=program)],
            cwd=project,
            env=environment(project),
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        assert done.returncode == status, done.stderr
        assert "went on" not in done.stdout
        if status == 75:
            assert done.stderr.splitlines() == [
                "SIGINT: stopped before training began; the same command starts it"
            ]
