"""Mutation of what decides weights, samples and scores: `python -m benchmarks.mutation`.

Each mutant is one small change (an operator, a comparison, a number, a condition, a lost `detach`)
of one line in a copy of the project; the tests of that module must fail on it, or take too long.
Survivors that `EXPLAINED` names, with the reason, are not tried. Hours for all modules: name some,
or a share. Ends with one JSON line.
"""

import argparse
import ast
import copy
import importlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from benchmarks.mutation_survivors import EXPLAINED

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "sagan"
# folders and files whose every line decides, and their tests: of a folder those that are not slow,
# of a file all; a module has those of the files of its name besides
SUBJECTS = {
    "training/core": ["tests/training/core", "tests/training/test_run.py"],
    "models": ["tests/models", "tests/training/core", "tests/benchmarks/test_training_step.py"],
    "metrics/scores": ["tests/metrics/scores", "tests/metrics/test_evaluation.py"],
    "sampling": ["tests/sampling"],
}
MEMORY = 16 * 2**30  # bytes; of a change that makes a loop endless, long before the time is over
NOT_CODE = {"annotation", "returns", "exc", "decorator_list"}
# what decides nothing: entry points, parameters, and how pictures are laid out and drawn
LEFT_OUT = {"__init__.py", "__main__.py", "config.py", "attention_maps.py", "drawing.py"}
LEFT_OUT |= {"grids.py", "picture.py"}
SWAPPED = {"mean": "sum", "min": "max", "max": "min", "zeros": "ones", "ones": "zeros"}
DROPPED = {"detach", "clone", "abs", "contiguous"}
PAIRS = [
    *((ast.Add, ast.Sub), (ast.Mult, ast.Div), (ast.And, ast.Or), (ast.Lt, ast.LtE)),
    *((ast.Gt, ast.GtE), (ast.Eq, ast.NotEq), (ast.Is, ast.IsNot)),
]
OPERATORS = dict(PAIRS) | {two: one for one, two in PAIRS}
OPERATORS |= {ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.MatMult: ast.Add}

# a marker and tests: first those that are not slow, then the files with their slow ones
Round = tuple[str, tuple[str, ...]]


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in this node's place."""
    if isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in OPERATORS:
        other = copy.deepcopy(node)
        other.op = OPERATORS[type(node.op)]()
        yield other
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in OPERATORS:
        other = copy.deepcopy(node)
        other.ops[0] = OPERATORS[type(node.ops[0])]()
        yield other
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        yield node.operand
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield ast.Constant(node.value + 1)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SWAPPED:
        other = copy.deepcopy(node)
        other.func.id = SWAPPED[node.func.id]
        yield other
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in DROPPED and not node.args:
            yield node.func.value
        elif node.func.attr in SWAPPED:
            other = copy.deepcopy(node)
            other.func.attr = SWAPPED[node.func.attr]
            yield other


def mutants(path: Path) -> list[tuple[str, str]]:
    """Each as its key, `file: code -> changed code`, and the module's text with that change."""
    text = path.read_text(encoding="utf-8")
    lines, found = text.splitlines(keepends=True), []
    name = path.relative_to(SOURCE).as_posix()
    for node in _code(ast.parse(text)):
        if getattr(node, "lineno", None) is None or node.lineno != node.end_lineno:
            continue
        line = lines[node.lineno - 1].encode()
        before, after = line[: node.col_offset], line[node.end_col_offset :]
        for change in changes(node):
            put = f"({ast.unparse(change)})".encode()
            new = (before + put + after).decode()
            key = f"{name}: {line.decode().strip()} -> {new.strip()}"
            changed = "".join([*lines[: node.lineno - 1], new, *lines[node.lineno :]])
            if (key, changed) not in found:
                found.append((key, changed))
    return found


def _code(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below but those of annotations and words: texts, errors, lines of a log."""
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or field in NOT_CODE:
                continue
            words = isinstance(child, ast.JoinedStr) or "'logger'" in ast.dump(child)[:80]
            if not words and getattr(child, "arg", None) != "strict":
                yield child
                yield from _code(child)


def survives(project: Path, marker: str, tests: Sequence[str], timeout_seconds: float) -> bool:
    """Whether these tests pass on the project as it stands, in time; in a forked process.

    Args:
        project: a copy of it.
        marker: which of the tests, "not slow" or, with "", all.
        tests: files and folders.
        timeout_seconds: for all of them.
    """
    child = os.fork()
    if child == 0:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
        os.chdir(project)
        sys.path[:0] = [str(project / "src"), str(project)]
        words = ["-q", "-x", "-p", "no:cacheprovider", "-m", marker, *tests]
        os._exit(int(pytest.main(words)))
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def copy_project(target: Path) -> Path:
    """What tests read, to change."""
    for name in ("src", "tests", "benchmarks", "conf"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, target / name, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", target / "pyproject.toml")
    return target


def chosen(names: list[str], share: float) -> list[tuple[Path, list[Round], str, str]]:
    """File, rounds, key and text of the mutants to try; the same share is the same mutants."""
    found = []
    for subject, tests in SUBJECTS.items():
        for path in sorted((SOURCE / subject).rglob("*.py")):
            inside = path.relative_to(SOURCE).as_posix()
            if path.name in LEFT_OUT or (names and not any(inside.startswith(n) for n in names)):
                continue
            named = (ROOT / "tests").rglob(f"test_{path.name}")
            related = [*(str(one.relative_to(ROOT)) for one in named), *tests]
            files = tuple(one for one in related if one.endswith(".py"))
            rounds = [("not slow", tuple(related)), *([("", files)] if files else [])]
            found += [(path, rounds, key, text) for key, text in mutants(path)]
    draw = random.Random(0)
    return [one for one in found if draw.random() < share]


def main() -> int:
    """Try the mutants and print what became of each; status 1 where one survived unexplained."""
    parser = argparse.ArgumentParser("python -m benchmarks.mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", help="such as training/core or models/heads.py")
    parser.add_argument("--share", type=float, default=1.0, help="of the mutants, drawn by chance")
    parser.add_argument("--timeout-seconds", type=float, default=300)
    arguments = parser.parse_args()
    sys.dont_write_bytecode = True  # a changed module may have the size and second of another
    for name in ("torch", "torchvision", "scipy.linalg", "pandas", "matplotlib", "pydantic"):
        importlib.import_module(name)  # once for all forked processes
    found = chosen(arguments.modules, arguments.share)
    counts = {"killed": 0, "survived": 0, "explained": 0}
    with tempfile.TemporaryDirectory(prefix="sagan-mutation-") as folder:
        project = copy_project(Path(folder))
        for marker, tests in {one: None for _, rounds, *_ in found for one in rounds}:
            if not survives(project, marker, tests, arguments.timeout_seconds):
                parser.error(f"without any change these tests fail: {' '.join(tests)}")
        for path, rounds, key, text in found:
            target = project / path.relative_to(ROOT)
            before = target.read_text(encoding="utf-8")
            target.write_text(text, encoding="utf-8")
            outcome = "killed"
            if key in EXPLAINED:
                outcome = "explained"
            elif all(survives(project, *one, arguments.timeout_seconds) for one in rounds):
                outcome = "survived"
            target.write_text(before, encoding="utf-8")
            counts[outcome] += 1
            print(f"{outcome:<9} {key}", flush=True)
    print(json.dumps(counts))
    return int(counts["survived"] > 0)


if __name__ == "__main__":
    sys.exit(main())
