"""Whole runs of seconds: their final states, and ways to end them early."""

import os
import signal

import torch


def final_state(workspace, name="*"):
    newest = max(workspace.glob(f"{name}/checkpoint-*.pt"))
    state = torch.load(newest, weights_only=True)
    state.pop("train_seconds")
    return state


def assert_equal_states(ours, theirs):
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        if isinstance(value, dict):
            assert_equal_states(value, theirs[key])
        elif isinstance(value, torch.Tensor):
            assert torch.equal(value, theirs[key]), key
        else:
            assert value == theirs[key], key


class Stop:
    """Ask for a stop after so many steps, as a signal would."""

    def __init__(self, monkeypatch, steps, number=signal.SIGTERM):
        from sagan.training import run

        original = run.training_loop

        def interrupted(*arguments):
            for step, record in enumerate(original(*arguments), start=1):
                if step == steps:
                    os.kill(os.getpid(), number)
                yield record

        monkeypatch.setattr(run, "training_loop", interrupted)


class Broken:
    """Call something else in a function's place, after so many calls."""

    def __init__(self, monkeypatch, module, name, *, after, change):
        original, calls = getattr(module, name), []

        def called(*arguments):
            calls.append(None)
            return (change if len(calls) > after else original)(*arguments)

        monkeypatch.setattr(module, name, called)
