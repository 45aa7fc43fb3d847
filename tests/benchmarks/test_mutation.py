"""Mutants are single changes of code, and the list of explained ones is of today's code."""

import ast

from benchmarks.mutation import SOURCE, chosen, mutants
from benchmarks.mutation_survivors import EXPLAINED

EMA = SOURCE / "training" / "core" / "ema.py"


def test_a_mutant_is_one_changed_line_that_parses():
    lines = EMA.read_text().splitlines()
    found = mutants(EMA)

    assert any("(1 + step) / (10 + step)" in key for key, _ in found)
    for key, text in found:
        ast.parse(text)
        changed = [pair for pair in zip(lines, text.splitlines(), strict=True) if len({*pair}) == 2]
        assert len(changed) == 1, key
        assert key.endswith(" -> ".join(line.strip() for line in changed[0]))


def test_words_and_types_are_not_changed(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.mutation.SOURCE", tmp_path)
    path = tmp_path / "one.py"
    path.write_text(
        "def half(x: 1 | 2) -> 3:\n"
        "    logger.info('%d', 4)\n"
        "    if x < 5:\n"
        "        raise ValueError(6, f'{x + 7}')\n"
        "    return zip(x, [8], strict=True)\n"
    )

    assert [key for key, _ in mutants(path)] == [
        "one.py: if x < 5: -> if (x <= 5):",
        "one.py: if x < 5: -> if x < (6):",
        "one.py: return zip(x, [8], strict=True) -> return zip(x, [(9)], strict=True)",
    ]


def test_a_line_that_comes_twice_is_changed_in_both_places(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.mutation.SOURCE", tmp_path)
    path = tmp_path / "one.py"
    path.write_text("x = 1\nx = 1\n")

    key = "one.py: x = 1 -> x = (2)"
    assert mutants(path) == [(key, "x = (2)\nx = 1\n"), (key, "x = 1\nx = (2)\n")]


def test_slow_tests_of_a_modules_own_file_are_asked_too():
    (_, rounds, *_), *_ = chosen(["training/core/steps.py"], 1.0)

    (first, fast), (second, whole) = rounds
    assert (first, second) == ("not slow", "")
    assert "tests/training/core" in fast
    assert set(whole) == {"tests/training/core/test_steps.py", "tests/training/test_run.py"}


def test_a_share_is_the_same_mutants_each_time():
    first, second = ([one[2] for one in chosen(["training/core"], 0.1)] for _ in range(2))

    assert first == second
    assert 0 < len(first) < len(chosen(["training/core"], 1.0)) / 4


def test_every_explained_survivor_is_a_mutant_of_todays_code():
    assert set(EXPLAINED) <= {one[2] for one in chosen([], 1.0)}
    assert all(EXPLAINED.values())
