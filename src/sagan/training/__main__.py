"""`python -m sagan.training`: train on a machine that has torch and its friends, but no Kedro."""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sagan.schema import ClearError, describe_faults, load_settings
from sagan.training.config import TrainingConfig


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, train, print the summary as one JSON line."""
    parser = argparse.ArgumentParser(
        prog="python -m sagan.training",
        description="Train a SAGAN on image shards; an interrupted run goes on from its "
        "newest checkpoint.",
    )
    parser.add_argument("shards", type=Path, help="folder of a shard store (python -m sagan.data)")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of runs; each has a folder below"
    )
    parser.add_argument(
        "--config",
        type=Path,
        action="append",
        default=[],
        help="parameters_training.yml (or JSON); several are laid over one another in order",
    )
    parser.add_argument(
        "--preset",
        help="a published configuration laid over those files, such as sagan or acgan",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="one parameter, such as batch_size=64 or model.generator.base_channels=32",
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        presets = [f"preset={options.preset}"] if options.preset else []
        settings = load_settings("training", options.config, presets + options.set)
        summary = _train(TrainingConfig(**settings), options.shards, options.out)
    except ValidationError as error:
        logging.getLogger(__name__).error("%s", "\n".join(describe_faults(error, "training")))
        return 1
    except (ValueError, OSError, ClearError) as error:
        logging.getLogger(__name__).error("%s", error)
        return 1
    sys.stdout.write(json.dumps(summary) + "\n")
    return 0


def _train(config: TrainingConfig, shards: Path, out: Path) -> dict[str, Any]:
    from sagan.data.shards import ShardStore
    from sagan.training.run import train

    result = train(config, ShardStore.open(shards), out)
    return {"generator_bundle": str(result.bundle.path), **result.summary}


if __name__ == "__main__":
    sys.exit(main())
