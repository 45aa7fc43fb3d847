"""Objectives of a study: scores of the metrics file, training time, size."""

from collections.abc import Callable

from sagan.common.schema import unknown_key
from sagan.metrics.config import EvaluationConfig
from sagan.metrics.metric_info import lower_is_better

COSTS = {
    "train_seconds": "time of training alone, without scores and saving [s]",
    "parameters": "numbers that training adjusts, of both networks [count]",
}

# which scores a protocol measures, and what to set where it does not
_MEASURED: tuple[tuple[frozenset[str], Callable[[EvaluationConfig], bool], str], ...] = (
    (
        frozenset({"fid", "kid", "fid_infinity", "intra_fid", "inception_score"}),
        lambda protocol: protocol.features == "inception",
        "evaluation.features: inception",
    ),
    (
        frozenset(
            {
                *("fd_classifier", "kd_classifier", "fd_classifier_infinity"),
                *("intra_fd_classifier", "classifier_score"),
            }
        ),
        lambda protocol: protocol.features == "classifier",
        "evaluation.features: classifier",
    ),
    (
        frozenset({"fd_classifier", "recognised", "classes_hit", "class_entropy"}),
        lambda protocol: protocol.classifier is not None,
        "evaluation.classifier",
    ),
    (
        frozenset({"precision", "recall", "density", "coverage"}),
        lambda protocol: protocol.neighbours is not None,
        "evaluation.neighbours",
    ),
    (
        frozenset({"kid", "kd_classifier"}),
        lambda protocol: protocol.kernel is not None,
        "evaluation.kernel",
    ),
    (
        frozenset({"intra_fid", "intra_fd_classifier"}),
        lambda protocol: protocol.intra_class,
        "evaluation.intra_class: true",
    ),
    (
        frozenset({"fid_infinity", "fd_classifier_infinity"}),
        lambda protocol: protocol.extrapolation_points > 0,
        "evaluation.extrapolation_points",
    ),
    (
        frozenset({"near_copies"}),
        lambda protocol: protocol.memorisation,
        "evaluation.memorisation: true",
    ),
)


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
    for names, measured, remedy in _MEASURED:
        if name in names and not measured(protocol):
            raise ValueError(
                f"objectives: '{name}' is not measured by this protocol; set {remedy}, or choose "
                "another score"
            )
