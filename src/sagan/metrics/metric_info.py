"""Which way each score is better: for whoever keeps the best of several."""

from sagan.common.schema import unknown_key

_LOWER = {
    *("fid", "fd_classifier", "kid", "kd_classifier"),
    *("fid_infinity", "fd_classifier_infinity", "intra_fid", "intra_fd_classifier", "near_copies"),
}
_HIGHER = {
    *("inception_score", "classifier_score", "precision", "recall", "density", "coverage"),
    *("recognised", "classes_hit", "class_entropy", "diversity_mean", "diversity_min"),
}
# `memorisation` is neither: samples of a perfect generator lie as near to training images as
# held-out images do


def lower_is_better(score: str) -> bool:
    """Whether a lower value of a score is the better one.

    Raises:
        ValueError: for a score that is no measure of better and worse, naming the nearest.
    """
    name = score.replace("_pil_bicubic", "")  # of another resizer, the same score
    if name in _LOWER:
        return True
    if name in _HIGHER:
        return False
    raise ValueError(unknown_key(score, _LOWER | _HIGHER).replace("key", "score"))
