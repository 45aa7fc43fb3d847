"""The door for bundles from elsewhere: whatever is in the folder, one clear message."""

from pathlib import Path

from pydantic import ValidationError

from sagan.models.bundle import CONFIG, GeneratorBundle
from sagan.schema import describe_faults


def open_bundle(path: Path) -> GeneratorBundle:
    """Open a bundle that may come from anywhere; nothing in it is run.

    Raises:
        FileNotFoundError: where a file of the bundle is missing.
        ValueError: where `config.json` is no bundle's.
    """
    try:
        bundle = GeneratorBundle.open(path)
        fits = isinstance(bundle.facts, dict) and bundle.num_classes > 0
        words = (*bundle.class_names, *bundle.class_titles, *bundle.class_titles.values())
        fits = fits and all(isinstance(word, str) for word in words)
    except ValidationError as error:
        faults = "; ".join(describe_faults(error, "generator"))
        raise ValueError(f"{path / CONFIG} is no bundle's: {faults}") from None
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        said = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{path / CONFIG} is no bundle's: {said}") from None
    if not fits:
        raise ValueError(
            f"{path / CONFIG} is no bundle's: facts or names of classes are not in order"
        )
    return bundle
