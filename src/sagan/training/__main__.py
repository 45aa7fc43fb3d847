"""`python -m sagan.training`: train on a machine that has torch and its friends, but no Kedro.

`python -m sagan.training prune RUNS` lists the runs of a folder, and removes those not needed.
"""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sagan.common.terminal import Parser, fit_log_to_terminal, worded
from sagan.processes.signals import EXIT_INTERRUPTED, exit_on_signal

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, train, print the summary as one JSON line."""
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] == ["prune"]:
        from sagan.training.store.prune import main as prune

        return prune(words[1:])
    parser = Parser(
        prog="python -m sagan.training",
        description="Train a SAGAN on image shards; an interrupted run resumes from its "
        "newest checkpoint.",
        epilog="python -m sagan.training prune RUNS: disk space of the runs; removes old ones.",
    )
    parser.add_argument("shards", type=Path, help="folder of a shard store (python -m sagan.data)")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of runs; each gets a folder in it"
    )
    parser.add_argument(
        "--config",
        type=Path,
        action="append",
        default=[],
        help="parameters_training.yml (or JSON); several are laid over one another in order",
    )
    parser.add_argument(
        "--recipe",
        help="a published configuration that overrides those files, such as sagan or acgan",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="one parameter, such as batch_size=64 or model.generator.base_channels=32",
    )
    options = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    fit_log_to_terminal()
    try:
        with exit_on_signal():  # while large libraries are imported
            summary = _train(options)
    except KeyboardInterrupt:
        logger.warning("stopped at once; the same command resumes from the last checkpoint")
        return EXIT_INTERRUPTED
    if summary is None:
        return 1
    sys.stdout.write(json.dumps(summary) + "\n")
    return 0


def _train(options: argparse.Namespace) -> dict[str, Any] | None:
    """The summary; None where something was wrong, which has been said then."""
    from pydantic import ValidationError

    from sagan.common.schema import ClearError, describe_faults, load_settings
    from sagan.data.shards.store import ShardStore
    from sagan.training import train
    from sagan.training.config import TrainingConfig
    from sagan.training.config.recipes import refuse_replaced
    from sagan.training.store.runs import log_disk_usage

    try:
        recipes = [f"recipe={options.recipe}"] if options.recipe else []
        settings = load_settings("training", options.config, recipes + options.set)
        given = load_settings("training", [], options.set)
        refuse_replaced(settings.get("recipe"), given)
        config = TrainingConfig(**settings)
        log_disk_usage(options.out)
        result = train(config, ShardStore.open(options.shards), options.out)
    except ValidationError as error:
        logger.error("%s", "\n".join(describe_faults(error, "training")))
    except (ValueError, OSError, ClearError) as error:
        logger.error("%s", worded(error))
    except ModuleNotFoundError as error:
        logger.error("%s, which this command needs: pip install it", error)
    else:
        return {"generator_bundle": str(result.bundle.path), **result.summary}
    return None


if __name__ == "__main__":
    sys.exit(main())
