"""The page of a study: one HTML file with its charts and trials, without any network."""

from pathlib import Path
from typing import Any

from sagan.html.pages import render
from sagan.tuning.config import TuningConfig
from sagan.tuning.figures import study_sections
from sagan.tuning.workers.trial_queue import TrialQueue


def render_page(queue: TrialQueue, config: TuningConfig, results: dict[str, Any]) -> str:
    """A study as one page.

    Args:
        queue: The study's trials.
        config: The study's parameters.
        results: As `study_results` returns them.
    """
    own = results["own_values"]
    same = [record for record in results["trials"] if record["parameters"] == own]
    return render(
        Path(__file__).parent,
        "tuning.html.j2",
        results=results,
        best=results["best"][0],
        default=next((record for record in same if record["values"]), None),
        sections=list(study_sections(queue.study, config, results)),
    )
