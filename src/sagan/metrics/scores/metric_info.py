"""Properties of the scores: whether lower or higher values are better."""

from sagan.common.schema import unknown_key

_LOWER = {
    *("fid", "fd_classifier", "kid", "kd_classifier"),
    *("fid_infinity", "fd_classifier_infinity", "intra_fid", "intra_fd_classifier", "near_copies"),
    *("fd_rotation", "kd_rotation", "fd_rotation_infinity", "intra_fd_rotation"),
}
_HIGHER = {
    *("inception_score", "classifier_score", "precision", "recall", "density", "coverage"),
    *("recognised", "classes_hit", "class_entropy", "diversity_mean", "diversity_min"),
}
# `memorisation` is neither: its optimum is 0.5, samples as near to training images as held-out
# images are


def lower_is_better(score: str) -> bool:
    """Whether lower values of a score are better.

    Raises:
        ValueError: for a score without a direction, naming the nearest known one.
    """
    name = score.replace("_pil_bicubic", "")  # of another resizer, the same score
    if name in _LOWER:
        return True
    if name in _HIGHER:
        return False
    raise ValueError(unknown_key(score, _LOWER | _HIGHER).replace("key", "score"))
