"""Results of a study: the best parameters, a record of every trial, the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from optuna.trial import FrozenTrial

from sagan.common.files import display_path
from sagan.html.pages import render
from sagan.tuning.figures import study_sections
from sagan.tuning.objectives import minimised
from sagan.tuning.workers.context import StudySpec
from sagan.tuning.workers.trial_queue import NAME, TrialQueue, failure_reason, finished, origin
from sagan.tuning.workers.worker import IMAGES, NUMBERS, STOPPED


@dataclass(frozen=True)
class StudyResult:
    """Outputs of the tuning pipeline."""

    best_parameters: str
    """YAML: the best trial's values as training parameters."""
    results: dict[str, Any]
    """JSON-able: the study, its best trials, all trials."""
    report: str
    """A self-contained HTML page."""


def summarise_study(spec: StudySpec, queue: TrialQueue) -> StudyResult:
    """Summarise a study that has at least one complete trial."""
    results = study_results(spec, queue)
    page = render(
        Path(__file__).parent,
        "tuning.html.j2",
        results=results,
        best=results["best"][0],
        default=_default_trial(results),
        sections=list(study_sections(queue.study, spec.config, results)),
    )
    return StudyResult(best_yaml(results), results, page)


def study_results(spec: StudySpec, queue: TrialQueue) -> dict[str, Any]:
    """The study as JSON: its settings, the best trials, all trials."""
    config, space = spec.config, spec.space
    sign = 1 if minimised(config.objectives[0]) else -1
    best = sorted(queue.best(), key=lambda trial: (sign * trial.values[0], trial.number))
    done = sorted(finished(queue.trials()), key=lambda trial: trial.number)
    records = [_record(trial, config.objectives) for trial in done]
    for record in records:
        record["parameters"] = space.decoded(record["parameters"])
    numbers = [trial.number for trial in best]
    return {
        "study": config.study,
        "storage": str(spec.location),
        "artifacts": str(display_path(spec.artifacts)),
        "objectives": {
            name: "minimize" if minimised(name) else "maximize" for name in config.objectives
        },
        "trials_planned": config.trials,
        "images_a_trial": spec.training.total_images,
        "protocol": config.evaluation.model_dump(mode="json"),
        "sampler": config.sampler.model_dump(mode="json"),
        "pruner": config.pruner and config.pruner.model_dump(mode="json"),
        "own_values": space.own_values(),
        "best": [record for number in numbers for record in records if record["number"] == number],
        "best_folder": str(display_path(spec.trial_folder(origin(best[0])))),
        "best_training": space.changes(space.decoded(best[0].params)),
        "states": {
            state: sum(record["state"] == state for record in records)
            for state in ("complete", "pruned", "failed")
        },
        "trials": records,
    }


def _record(trial: FrozenTrial, objectives: Sequence[str]) -> dict[str, Any]:
    complete = trial.state.name == "COMPLETE"
    record: dict[str, Any] = {
        "number": trial.number,
        "name": trial.user_attrs.get(NAME),
        "state": {"COMPLETE": "complete", "PRUNED": "pruned"}.get(trial.state.name, "failed"),
        "values": dict(zip(objectives, trial.values, strict=True)) if complete else None,
        "parameters": dict(trial.params),
        "scores": {str(step): value for step, value in trial.intermediate_values.items()},
        "images_seen": trial.user_attrs.get(STOPPED) or trial.user_attrs.get(IMAGES),
        "seconds": round(trial.duration.total_seconds(), 1) if trial.duration else None,
    }
    if complete:
        record["numbers"] = trial.user_attrs.get(NUMBERS)
    if record["state"] == "failed":
        record["reason"] = failure_reason(trial)
    return record


def best_yaml(results: dict[str, Any]) -> str:
    """The best trial's values as an environment's `parameters_training.yml`, with comments."""
    best = results["best"][0]
    others = len(results["best"]) - 1
    lines = [
        f"study {results['study']}: the best of {len(results['trials'])} trials is number "
        f"{best['number']}" + (f" ({best['name']})" if best["name"] else ""),
        _format_values(best["values"]),
        *_default_lines(results, best),
        f"each trial saw {results['images_a_trial']:,} images; a longer run may want other values",
    ]
    if others:
        lines.append(f"by its first objective; {others} more on the Pareto front (tuning_results)")
    lines += [
        "to train with it:",
        "  sagan tune adopt             (writes conf/tuned/parameters_training.yml)",
        "  kedro run --pipeline=train --env=tuned",
        "for a study that was run with --env=ENV:",
        "  sagan tune adopt --env ENV --as ENV_tuned",
        "  kedro run --pipeline=train --env=ENV_tuned",
    ]
    text = "".join(f"# {line}\n" for line in lines)
    body = yaml.safe_dump(
        {"training": results["best_training"]}, sort_keys=False, default_flow_style=None
    )
    return text + body


def _format_values(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in values.items())


def _default_trial(results: dict[str, Any]) -> dict[str, Any] | None:
    """The complete trial with the parameter files' own values, if there is one."""
    own = [trial for trial in results["trials"] if trial["parameters"] == results["own_values"]]
    return next((trial for trial in own if trial["values"]), None)


def _default_lines(results: dict[str, Any], best: dict[str, Any]) -> list[str]:
    default = _default_trial(results)
    if default is None:
        return []
    if default["number"] == best["number"]:
        return ["these are the values of the parameters files: no trial was better"]
    return [f"the parameters files' own values: {_format_values(default['values'])}"]
