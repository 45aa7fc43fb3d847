"""Objectives of a study: scores of the metrics file, training time, size."""

from collections.abc import Callable

from sagan.common.schema import unknown_key
from sagan.metrics.config import EvaluationConfig
from sagan.metrics.scores.metric_info import lower_is_better

COSTS = {
    "train_seconds": "time of training alone, without scores and saving [s]",
    "parameters": "numbers that training adjusts, of both networks [count]",
}

_MEASURED: tuple[tuple[str, Callable[[EvaluationConfig], bool], str], ...] = (
    (
        "evaluation.features: inception",
        lambda protocol: protocol.features == "inception",
        "fid kid fid_infinity intra_fid inception_score",
    ),
    (
        "evaluation.features: classifier",
        lambda protocol: protocol.features == "classifier",
        "fd_classifier kd_classifier fd_classifier_infinity intra_fd_classifier classifier_score",
    ),
    (
        "evaluation.features: rotation",
        lambda protocol: protocol.features == "rotation",
        "fd_rotation kd_rotation fd_rotation_infinity intra_fd_rotation",
    ),
    (
        "evaluation.classifier",
        lambda protocol: protocol.classifier is not None,
        "fd_classifier recognised classes_hit class_entropy",
    ),
    (
        "evaluation.neighbours",
        lambda protocol: protocol.neighbours is not None,
        "precision recall density coverage",
    ),
    (
        "evaluation.kernel",
        lambda protocol: protocol.kernel is not None,
        "kid kd_classifier kd_rotation",
    ),
    (
        "evaluation.intra_class: true",
        lambda protocol: protocol.intra_class,
        "intra_fid intra_fd_classifier intra_fd_rotation",
    ),
    (
        "evaluation.extrapolation_points",
        lambda protocol: protocol.extrapolation_points > 0,
        "fid_infinity fd_classifier_infinity fd_rotation_infinity",
    ),
    ("evaluation.memorisation: true", lambda protocol: protocol.memorisation, "near_copies"),
)
"""A setting, whether a protocol has it, and the scores that are measured only then."""


def minimised(objective: str) -> bool:
    """Whether an objective is minimised."""
    return objective in COSTS or lower_is_better(objective)


def check_objective(name: str, protocol: EvaluationConfig) -> None:
    """Refuse an objective without a known direction, or that the protocol does not measure.

    Raises:
        ValueError: with the nearest name, or with what the protocol lacks.
    """
    if name in COSTS:
        return
    try:
        lower_is_better(name)
    except ValueError as error:
        cost = unknown_key(name, COSTS)
        message = cost.replace("key", "score") if "did you mean" in cost else str(error)
        raise ValueError(f"objectives: {message}") from None
    for setting, is_set, names in _MEASURED:
        if name in names.split() and not is_set(protocol):
            raise ValueError(
                f"objectives: '{name}' is not measured by this protocol; set {setting}, or choose "
                "another score"
            )
