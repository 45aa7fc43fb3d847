"""What is looked for before a run starts: suites, verdict, device, weights, networks of that size.

A station that trains on shards made in an earlier run starts only where the validation report is
there, is about the images of these shards, and found them fit.
"""

from pathlib import Path
from typing import Any

from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from sagan.common.files import display_path
from sagan.datasets.text_datasets import parse_json

TRAINING = frozenset({"training", "tuning", "comparison"})
COMPUTING = frozenset({"training", "sampling", "evaluation"})  # with a parameter `device`
SHARDS, REPORT, SUITES = "image_shards", "validation_report", "expectation_suites"
BUNDLE = "generator_bundle"


def check_source(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Refuse to begin without a place to take images from.

    Raises:
        ValueError: naming what the source needs.
    """
    if "acquisition" not in {node.namespace for node in pipeline.nodes}:
        return
    from sagan.data.config import AcquisitionConfig
    from sagan.data.sources.acquire import source_path

    source_path(AcquisitionConfig.model_validate(catalog.load("params:acquisition")))


def check_expectations(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Refuse faulty suites, and an absent list of classes, before images are fetched or read.

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

    config = DataValidationConfig.model_validate(catalog.load("params:data_validation"))
    read_known_classes(config.known_classes)
    build_expectations(read_suites(catalog.load(SUITES), config).expected)


def check_verdict(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Refuse to train on shards whose images no validation found fit.

    Raises:
        FileNotFoundError: when there is no validation report.
        ValidationFailedError: when it is about other images, or found these unfit.
    """
    stations = {node.namespace for node in pipeline.nodes} & TRAINING
    if not stations or SHARDS not in pipeline.inputs():
        return  # in one run with the gate, nothing comes past it
    from sagan.data.validation_status import require_passed_validation

    facts, report = _shard_facts(catalog), Path(catalog.get(REPORT).filepath)
    if facts is None:
        return  # a published store was made behind the gate of the machine that published it
    consequence = f"{min(stations)} does not start"
    if not report.is_file():
        raise FileNotFoundError(
            f"{display_path(report)} does not exist: {consequence} without the validation "
            "report of its images; run kedro run --pipelines=data_validation, or dvc pull"
        )
    verdict = parse_json(report.read_text("utf-8"), str(report))
    require_passed_validation(
        verdict, facts.get("data_hash"), consequence, "data_validation,preprocessing"
    )


def check_device(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Refuse CUDA that is asked for and absent, before hours of preprocessing.

    Raises:
        ValueError: saying what to do.
    """
    stations = {node.namespace for node in pipeline.nodes}
    for station in sorted(stations & COMPUTING):
        if dict(catalog.load(f"params:{station}")).get("device") == "cuda":
            from sagan.common.devices import choose_device

            choose_device("cuda")


def check_weights(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Refuse to measure weights that the generator has not, or will not have once it is trained.

    Raises:
        ValueError: naming the parameter that would keep them.
        FileNotFoundError: where the bundle is incomplete.
    """
    if "evaluation" not in {node.namespace for node in pipeline.nodes}:
        return
    weights = dict(catalog.load("params:evaluation")).get("weights")
    if weights is None:
        return
    if BUNDLE in pipeline.inputs():
        from sagan.bundle.generator_bundle import GeneratorBundle

        path = Path(catalog.get(BUNDLE).filepath)
        if path.is_dir():  # loading says better that there is none
            GeneratorBundle.open(path, weights)
    if BUNDLE not in pipeline.all_outputs():
        return
    from sagan.training.config import TrainingConfig

    training = TrainingConfig.model_validate(catalog.load("params:training"))
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


def check_networks(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Refuse networks that cannot be built for the images' size, before these are prepared.

    Raises:
        ValueError: naming all that is wrong with them.
    """
    stations = {node.namespace for node in pipeline.nodes} & TRAINING
    image_size = _image_size(pipeline, catalog) if stations else None
    if image_size is None:
        return
    from sagan.training.config import TrainingConfig

    training = TrainingConfig.model_validate(catalog.load("params:training"))
    if "comparison" in stations:
        from sagan.comparison.config import ComparisonConfig
        from sagan.comparison.variants import build_variants

        config = ComparisonConfig.model_validate(catalog.load("params:comparison"))
        weights = dict(catalog.load("params:evaluation")).get("weights")
        build_variants(config, training, image_size, weights)
    if "training" in stations:
        from sagan.training.config.networks import network_faults

        faults = network_faults(training.model, image_size=image_size)
        if faults:
            listed = "\n".join(f"  training.{fault}" for fault in faults)
            raise ValueError(
                f"{len(faults)} wrong parameter{'s' if len(faults) > 1 else ''} for images of "
                f"{image_size} px (conf/*/parameters_training.yml or --params):\n{listed}"
            )


def _image_size(pipeline: Pipeline, catalog: CatalogProtocol) -> int | None:
    """Side of the images that this run trains on, None where that cannot be told yet [px]."""
    if SHARDS in pipeline.all_outputs():
        from sagan.data.config import PreprocessingConfig

        settings = catalog.load("params:preprocessing")
        return PreprocessingConfig.model_validate(settings).image_size
    if SHARDS not in pipeline.inputs():
        return None  # what runs here looks at no image
    facts = _shard_facts(catalog)
    return None if facts is None else facts.get("image_size")


def _shard_facts(catalog: CatalogProtocol) -> dict[str, Any] | None:
    """What an earlier run noted of its shards; None where loading them will tell more.

    That is where there are none, and where the catalog names the address of a published store: what
    was noted here is of others then.
    """
    dataset = catalog.get(SHARDS)
    path = Path(dataset.filepath)
    if getattr(dataset, "address", None) is not None or not path.is_file():
        return None
    facts: dict[str, Any] = parse_json(path.read_text("utf-8"), str(path))
    return facts


def check_study(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Refuse a study that could not begin, before its images are prepared.

    Raises:
        ValueError: for parameters that do not go together, or CUDA that is absent.
        FileNotFoundError: when scores need the Inception weights, and they are absent.
    """
    if "tuning" not in {node.namespace for node in pipeline.nodes}:
        return
    from sagan.training.config import TrainingConfig
    from sagan.tuning.config import TuningConfig
    from sagan.tuning.study_check import check_study as check

    training = TrainingConfig.model_validate(catalog.load("params:training"))
    config = TuningConfig.model_validate(catalog.load("params:tuning"))
    check(config, training, _image_size(pipeline, catalog))
    if training.device == "cuda":
        from sagan.common.devices import choose_device

        choose_device("cuda")
