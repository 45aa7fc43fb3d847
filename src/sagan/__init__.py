"""SAGAN (Zhang et al., ICML 2019) as a reproducible pipeline: from an image folder to a report."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sagan.sampling.library import SaganGenerator

__version__ = "0.1.0"
__all__ = ["SaganGenerator", "__version__"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - imported on use: torch takes seconds
    if name != "SaganGenerator":
        raise AttributeError(f"module 'sagan' has no attribute '{name}'")
    try:
        from sagan.sampling.library import SaganGenerator
    except ModuleNotFoundError as error:
        if error.name != "huggingface_hub":
            raise
        raise ImportError(
            "SaganGenerator needs the package huggingface_hub, the extra hub, which is not "
            "installed: pip install huggingface-hub"
        ) from None
    return SaganGenerator
