"""Preflight checks of a run: what would stop it is found before hours of work, not after them.

A check is a function of the pipeline that is about to run and its catalog; it raises what the user
is to read. `CHECKS` lists all of them, in the order in which they run.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from kedro.io import AbstractVersionedDataset, CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.runner import SequentialRunner

from sagan.datasets.base import FileDataset, location, unwrapped
from sagan.preflight.images import (
    SHARDS,
    TRAINING,
    channels_of,
    classes_of,
    namespaces,
    parameters_of,
    shard_facts,
    size_of,
)
from sagan.preflight.networks import check_networks, check_start
from sagan.processes.launchers import refuse_copies

logger = logging.getLogger(__name__)

Check = Callable[[Pipeline, CatalogProtocol], None]

COMPUTING = frozenset({"training", "sampling", "evaluation", "completion"})  # with a `device`
REPORT, SUITES, BUNDLE = "validation_report", "expectation_suites", "generator_bundle"


def without_finished(pipeline: Pipeline, catalog: CatalogProtocol) -> Pipeline:
    """The nodes that Kedro runs with `--only-missing-outputs`, by its own rules."""
    return SequentialRunner()._filter_pipeline_for_missing_outputs(pipeline, catalog)


def check_source(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Refuse to acquire images without a source.

    Raises:
        ValueError: naming what the source needs.
        FileNotFoundError: if its path leads nowhere.
    """
    if "acquisition" not in namespaces(pipeline):
        return
    from sagan.data.config import AcquisitionConfig
    from sagan.data.sources.acquire import require_source

    require_source(parameters_of(catalog, "acquisition", AcquisitionConfig))


def check_validation_status(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Refuse to train on shards of an earlier run whose images did not pass validation.

    Raises:
        FileNotFoundError: when there is no validation report.
        ValidationFailedError: when it is about other images, or these failed.
    """
    training = namespaces(pipeline) & TRAINING
    if not training or SHARDS not in pipeline.inputs():
        return  # validation runs in this same pipeline, so it stops bad data itself
    from sagan.data.validation_status import require_passed_validation

    facts, report = shard_facts(catalog), catalog.get(REPORT)
    if facts is None:
        return  # a published store was validated on the machine that published it
    consequence = f"{min(training)} does not start"
    if not report.exists():
        raise FileNotFoundError(
            f"{location(report)} does not exist: {consequence} without the validation "
            "report of its images; run kedro run --pipelines=data_validation, or dvc pull"
        )
    require_passed_validation(
        report.load(), facts.get("data_hash"), consequence, "data_validation,preprocessing"
    )


def check_launcher(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Refuse to be one of several processes of which each would train the whole run.

    Raises:
        ValueError: naming the launcher and the parameters that start the processes instead.
    """
    if namespaces(pipeline) & {"training", "comparison"}:  # those of a study share its queue
        refuse_copies(int(dict(catalog.load("params:training")).get("nnodes", 1)))


def check_device(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Refuse CUDA, CUDA graphs and torch.compile where they are not there.

    Raises:
        ValueError: saying what to do.
    """
    running = namespaces(pipeline)
    for name in sorted(running & COMPUTING | ({"training"} if running & TRAINING else set())):
        parameters = dict(catalog.load(f"params:{name}"))
        device, mode = str(parameters.get("device")), str(parameters.get("compile") or "off")
        if device.startswith("cuda") or mode != "off":
            from sagan.common.devices import choose_device, require_compilation

            require_compilation(mode, choose_device(device).type)


def check_weights(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Refuse to evaluate weights that the bundle does not, or will not, contain.

    Raises:
        ValueError: naming the parameter that would keep them.
        FileNotFoundError: when the bundle is incomplete.
    """
    if "evaluation" not in namespaces(pipeline):
        return
    weights = dict(catalog.load("params:evaluation")).get("weights")
    if weights is None:
        return
    if BUNDLE in pipeline.inputs() and catalog.get(BUNDLE).exists():  # else loading tells
        catalog.get(BUNDLE).load().choose(weights)
    if BUNDLE not in pipeline.all_outputs():
        return
    from sagan.training.config import TrainingConfig

    training = parameters_of(catalog, "training", TrainingConfig)
    if weights == "ema" and training.ema_decay is None:
        remedy = "set training.ema_decay to train with averaged weights"
    elif weights == "raw" and training.ema_decay is not None and not training.export_raw:
        remedy = "training.export_raw=true exports them beside the averaged ones"
    else:
        return
    raise ValueError(
        f"evaluation.weights: {weights} was asked for, but this training would not export "
        f"such weights; {remedy}"
    )


def check_study(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Refuse a tuning study that cannot begin.

    Raises:
        ValueError: for parameters that do not go together.
        FileNotFoundError: when scores need the Inception weights, and they are absent.
    """
    if "tuning" not in namespaces(pipeline):
        return
    from sagan.training.config import TrainingConfig
    from sagan.tuning.config import TuningConfig
    from sagan.tuning.study_check import check_study as check

    training = parameters_of(catalog, "training", TrainingConfig)
    config = parameters_of(catalog, "tuning", TuningConfig)
    check(
        config,
        training,
        size_of(pipeline, catalog),
        image_channels=channels_of(pipeline, catalog),
        num_classes=classes_of(pipeline, catalog),
    )


def check_expectations(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Refuse faulty expectation suites, and a missing list of known classes.

    Raises:
        ValueError: naming all that is wrong with them.
        FileNotFoundError: when there is no file of `known_classes`.
    """
    if SUITES not in pipeline.inputs():
        return
    from sagan.validation.config import DataValidationConfig
    from sagan.validation.known_classes import read_known_classes
    from sagan.validation.suite import build_expectations
    from sagan.validation.suites import read_suites

    config = parameters_of(catalog, "data_validation", DataValidationConfig)
    read_known_classes(config.known_classes)
    build_expectations(read_suites(catalog.load(SUITES), config).expected)


def check_features(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Refuse an evaluation in features that it cannot have; warn where one may follow.

    Raises:
        FileNotFoundError: naming the file of Inception's weights, to be fetched by hand.
        ValueError: if a classifier's are asked for, and the shards are of one class.
    """
    running = namespaces(pipeline)
    if not running & {"training", "evaluation"}:
        return
    from sagan.metrics.config import EvaluationConfig

    config = parameters_of(catalog, "evaluation", EvaluationConfig)
    classes = classes_of(pipeline, catalog)
    if config.features != "inception" and classes != 1:
        return
    from sagan.metrics.features.extractor import require_classes
    from sagan.metrics.features.inception import require_weights

    try:
        if classes is not None:
            require_classes(config, classes)
        require_weights(config)
    except (FileNotFoundError, ValueError) as error:
        if "evaluation" in running:
            raise
        logger.warning("training continues, but: %s", error)


def check_completion(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Refuse completion of images that cannot be read, under a mask or of a class that is unknown.

    Raises:
        DatasetError: if there is no generator bundle, or no shards.
        FileNotFoundError: if there is no image.
        ValueError: for an image, a mask or a class that cannot be used.
    """
    if "completion" not in namespaces(pipeline):
        return
    from sagan.completion.chosen import prepare
    from sagan.completion.config import CompletionConfig
    from sagan.completion.inputs import find_images, require_known_mask

    config = parameters_of(catalog, "completion", CompletionConfig)
    require_known_mask(config.mask)
    if config.images is not None:
        find_images([Path(config.images)])
    if {BUNDLE, SHARDS} <= pipeline.inputs():
        from sagan.training.store.discriminator import discriminator_of

        bundle = catalog.load(BUNDLE)
        prepare(bundle, catalog.load(SHARDS), config)
        discriminator_of(config.discriminator, bundle)


def check_versions(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Refuse `versioned: true` where the artefact is there from before, without versions.

    A file could not become a folder of versions when its node has run, and a generator's folder
    would get them beside its files.

    Raises:
        ValueError: naming the paths.
    """
    faults = []
    for name in sorted(name for name in pipeline.datasets() if name in catalog):
        dataset = unwrapped(catalog.get(name))
        if isinstance(dataset, AbstractVersionedDataset) and dataset._version:
            path = Path(dataset._filepath)  # of an address: nothing of this disk
            if path.is_file() or (path / "config.json").is_file():
                faults.append(f"  {name}: {location(dataset)}")
    if faults:
        listed = "\n".join(faults)
        raise ValueError(
            f"versioned: true, but made before without versions:\n{listed}\nmove it away, and "
            "back to <path>/<time>/<name of the path> if it shall be a version; "
            "a time is written 2026-01-31T12.00.00.000Z"
        )


def check_inputs(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Refuse to run nodes before one that lacks a file of an earlier pipeline.

    Raises:
        DatasetError: naming the file and the pipeline to run first.
    """
    for name in sorted(pipeline.inputs()):
        dataset = unwrapped(catalog.get(name))
        if isinstance(dataset, FileDataset) and not dataset.exists():
            dataset.load()  # says what is missing; what may be missing is None


CHECKS: tuple[Check, ...] = (
    check_launcher,
    check_versions,
    check_source,
    check_validation_status,
    check_device,
    check_networks,
    check_start,
    check_weights,
    check_study,
    check_expectations,
    check_features,
    check_completion,
)
