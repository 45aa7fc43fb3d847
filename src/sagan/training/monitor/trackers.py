"""Experiment trackers: the journal's numbers and pictures in MLflow, Weights & Biases, DVCLive.

Each has the methods of `TensorBoardWriter`. They are opened by the main process of a training, and
again for what later pipelines make of its generator. They are for viewing only: one that fails is
closed with a warning, and the run continues.
"""

import json
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from sagan.training.config import TrainingConfig
from sagan.training.monitor.tensorboard import TensorBoardWriter, grid, numbers

logger = logging.getLogger(__name__)

PROJECT = "sagan"
_SECONDS, _RETRIES = "10", "1"  # of a request to a server that may be down
_SHOWN = 200  # characters of an error


class Tracker(Protocol):
    """What a training tells a tracker."""

    def scalars(self, record: Mapping[str, Any], step: int) -> None:
        """Numbers of a journal record."""

    def images(self, name: str, images: Tensor, step: int, *, columns: int) -> None:
        """Images uint8 [N, C, H, W] as one grid."""

    def results(self, parameters: Mapping[str, Any], scores: Mapping[str, float]) -> None:
        """Parameters and final scores of a complete run."""

    def close(self) -> None:
        """End the record."""


class MLflowTracker:
    """A run of MLflow at `MLFLOW_TRACKING_URI`, else in `mlflow.db` beside the runs."""

    def __init__(self, folder: Path, name: str, parameters: Mapping[str, Any]) -> None:
        """Open the run of the folder's name again, or start one."""
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", _SECONDS)
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", _RETRIES)
        logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # it tells of retries
        from mlflow import MlflowClient

        local = folder.parent.absolute()
        address = os.environ.get("MLFLOW_TRACKING_URI", f"sqlite:///{local / 'mlflow.db'}")
        self._client = MlflowClient(address)
        experiment = self._client.get_experiment_by_name(PROJECT)
        place = (local / "mlflow").as_uri() if address.startswith("sqlite") else None
        number = (
            self._client.create_experiment(PROJECT, artifact_location=place)
            if experiment is None
            else experiment.experiment_id
        )
        found = self._client.search_runs([number], f"tags.sagan_run = '{folder.name}'")
        if found:
            self._run = found[0].info.run_id
            return
        made = self._client.create_run(number, run_name=name, tags={"sagan_run": folder.name})
        self._run = made.info.run_id
        for key, value in parameters.items():
            self._client.log_param(self._run, key, value)

    def scalars(self, record: Mapping[str, Any], step: int) -> None:
        """Write the finite numbers of a journal record."""
        for name, value in numbers(record).items():
            self._client.log_metric(self._run, name, value, step=step)

    def images(self, name: str, images: Tensor, step: int, *, columns: int) -> None:
        """Write images as one grid, an artifact of the run."""
        picture = grid(images, columns).permute(1, 2, 0).squeeze(-1).numpy()
        self._client.log_image(self._run, picture, f"{name}/{step:08d}.png")

    def results(self, parameters: Mapping[str, Any], scores: Mapping[str, float]) -> None:
        """Nothing more: both are recorded already."""

    def outcome(
        self, parameters: Mapping[str, Any], metrics: Mapping[str, Any] | None, bundle: Path | None
    ) -> None:
        """Parameters, `metrics.json`, and the bundle as the artifact `generator`.

        A parameter cannot change in MLflow: another value is added as a tag of its name.
        """
        known = self._client.get_run(self._run).data.params
        for key, value in parameters.items():
            if key not in known:
                self._client.log_param(self._run, key, value)
            elif known[key] != str(value):
                self._client.set_tag(self._run, key, value)
        if metrics is not None:
            self._client.log_dict(self._run, dict(metrics), "metrics.json")
        if bundle is not None:
            self._client.log_artifacts(self._run, str(bundle), "generator")

    def close(self) -> None:
        """Mark the run as ended."""
        self._client.set_terminated(self._run)


class WandbTracker:
    """A run of Weights & Biases; offline unless `WANDB_MODE` says otherwise."""

    def __init__(self, folder: Path, name: str, parameters: Mapping[str, Any]) -> None:
        """Open the run of the folder's name."""
        os.environ.setdefault("WANDB_SILENT", "true")
        os.environ.setdefault("WANDB_MODE", "offline")
        import wandb

        self._wandb = wandb
        self._run = wandb.init(
            project=PROJECT,
            id=folder.name,
            name=name,
            resume="allow",
            dir=str(folder),
            config=dict(parameters),
            settings=wandb.Settings(init_timeout=float(_SECONDS), console="off"),
        )

    def scalars(self, record: Mapping[str, Any], step: int) -> None:
        """Write the finite numbers of a journal record."""
        self._run.log(numbers(record), step=step)

    def images(self, name: str, images: Tensor, step: int, *, columns: int) -> None:
        """Write images as one grid."""
        picture = grid(images, columns).permute(1, 2, 0).squeeze(-1).numpy()
        self._run.log({name: self._wandb.Image(picture)}, step=step)

    def results(self, parameters: Mapping[str, Any], scores: Mapping[str, float]) -> None:  # noqa: ARG002
        """Scores as the run's summary."""
        self._run.summary.update(dict(scores))

    def outcome(
        self, parameters: Mapping[str, Any], metrics: Mapping[str, Any] | None, bundle: Path | None
    ) -> None:
        """Parameters; `metrics.json` as an artifact, and the bundle as one of type `model`."""
        self._run.config.update(dict(parameters), allow_val_change=True)
        if metrics is not None:
            kept = self._wandb.Artifact(f"metrics-{self._run.id}", type="evaluation")
            with kept.new_file("metrics.json", mode="w") as file:
                json.dump(metrics, file)
            self._run.log_artifact(kept)
        if bundle is not None:
            model = self._wandb.Artifact(f"generator-{self._run.id}", type="model")
            model.add_dir(str(bundle))
            self._run.log_artifact(model)

    def close(self) -> None:
        """Write what is buffered."""
        self._run.finish()


class DVCLiveTracker:
    """Files of DVCLive in the run's folder, which `dvc plots` and editors draw while it trains."""

    def __init__(self, folder: Path, name: str, parameters: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Open the files, those of an earlier start too."""
        from dvclive import Live

        self._live = Live(
            str(folder / "dvclive"), resume=True, save_dvc_exp=False, report=None, dvcyaml=None
        )
        self._live.log_params(dict(parameters))

    def scalars(self, record: Mapping[str, Any], step: int) -> None:
        """Write the finite numbers of a journal record."""
        self._live.step = step
        for name, value in numbers(record).items():
            self._live.log_metric(name, value)
        self._live.make_summary()

    def images(self, name: str, images: Tensor, step: int, *, columns: int) -> None:
        """Write images as one grid."""
        picture = grid(images, columns).permute(1, 2, 0).squeeze(-1).numpy()
        self._live.log_image(f"{name}/{step:08d}.png", picture)

    def results(self, parameters: Mapping[str, Any], scores: Mapping[str, float]) -> None:
        """Nothing more: both are recorded already."""

    def outcome(
        self,
        parameters: Mapping[str, Any],
        metrics: Mapping[str, Any] | None,  # noqa: ARG002
        bundle: Path | None,  # noqa: ARG002
    ) -> None:
        """Parameters; the bundle and `metrics.json` are DVC's own outputs already."""
        self._live.log_params(dict(parameters))

    def close(self) -> None:
        """Write the summary."""
        self._live.end()


KINDS: dict[str, type[MLflowTracker] | type[WandbTracker] | type[DVCLiveTracker]] = {
    "mlflow": MLflowTracker,
    "wandb": WandbTracker,
    "dvclive": DVCLiveTracker,
}


class Trackers:
    """All trackers of a run, TensorBoard among them; what fails is closed with a warning."""

    def __init__(self, config: TrainingConfig, folder: Path, *, purge_step: int) -> None:
        """Open those that the configuration asks for.

        Args:
            config: Of the run.
            folder: Of the run.
            purge_step: First step of a resumed run, for TensorBoard.
        """
        self._parameters = flat(config.resolved().model_dump(mode="json"))
        self._open: dict[str, Tracker] = {
            "tensorboard": TensorBoardWriter(
                folder / "tensorboard", purge_step=purge_step, enabled=config.tensorboard
            )
        }
        self._scores: dict[str, float] = {}
        for kind in config.trackers:
            try:
                name = config.run_name or folder.name
                self._open[kind] = KINDS[kind](folder, name, self._parameters)
            except Exception as error:
                logger.warning("training continues without %s: %s", kind, reason(error))

    def scalars(self, record: Mapping[str, Any], step: int) -> None:
        """Write the numbers of a record."""
        self._each(lambda tracker: tracker.scalars(record, step))

    def scores(self, scores: Mapping[str, Any], step: int) -> None:
        """Write the scores of a step."""
        self._scores = numbers(scores)
        self.scalars({f"score/{name}": value for name, value in scores.items()}, step)

    def images(self, name: str, images: Tensor, step: int, *, columns: int) -> None:
        """Write images as one grid."""
        self._each(lambda tracker: tracker.images(name, images, step, columns=columns))

    def close(self, *, complete: bool) -> None:
        """Close all; those of a complete run get its parameters with its last scores."""
        if complete and self._scores:
            self._each(lambda tracker: tracker.results(self._parameters, self._scores))
        self._each(lambda tracker: tracker.close())

    def _each(self, do: Callable[[Tracker], None]) -> None:
        for kind, tracker in list(self._open.items()):
            try:
                do(tracker)
            except Exception as error:
                logger.warning("%s ends here: %s; training continues", kind, reason(error))
                del self._open[kind]


def flat(parameters: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested parameters by dotted names; lists and null as text."""
    found: dict[str, Any] = {}
    for name, value in parameters.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        else:
            plain = isinstance(value, bool | int | float | str)
            found[prefix + name] = value if plain else str(value)
    return found


def reason(error: Exception) -> str:
    """The first line of an error, at most some hundred characters of it."""
    first = str(error).strip().partition("\n")[0]
    shown = first if len(first) <= _SHOWN else f"{first[:_SHOWN]}..."
    return shown or type(error).__name__
