"""Checks of `benchmarks.gpu`: the device computes what the CPU computes, and training survives.

Each check takes the `Bench` and returns its numbers. It raises `AssertionError` where the device is
wrong, and `NotRun` with the reason where it cannot be tried.
"""

from collections.abc import Sequence

from benchmarks.gpu_checks.bench import Check
from benchmarks.gpu_checks.samples import (
    attention_maps_agree,
    inception_agrees,
    samples_agree,
    scores_agree,
)
from benchmarks.gpu_checks.training import (
    every_recipe_trains,
    goes_on_from_the_cpu,
    memory_error_is_told,
    no_host_wait,
    replays_agree,
    resumes,
    survives_kill_9,
    two_processes_agree,
)
from benchmarks.gpu_checks.values import (
    device_facts,
    gradients_agree,
    networks_agree,
    one_step_agrees,
)

CHECKS: Sequence[Check] = (
    Check("device", device_facts),
    Check("networks", networks_agree),
    Check("gradients", gradients_agree),
    Check("one step", one_step_agrees),
    Check("no host wait", no_host_wait),
    Check("CUDA graph", replays_agree),
    Check("resume", resumes),
    Check("kill -9", survives_kill_9, 60.0, quick=False),
    Check("CPU checkpoint", goes_on_from_the_cpu),
    Check("recipes", every_recipe_trains, 60.0),
    Check("samples", samples_agree),
    Check("attention maps", attention_maps_agree),
    Check("scores", scores_agree, 60.0),
    Check("Inception", inception_agrees),
    Check("two processes", two_processes_agree, 90.0, quick=False),
    Check("out of memory", memory_error_is_told),
)
