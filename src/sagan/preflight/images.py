"""Facts of a run before it starts: its pipelines, and the images that it trains on."""

from typing import Any, TypeVar

from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from sagan.common.schema import Config
from sagan.datasets.base import unwrapped
from sagan.datasets.path_datasets import HandleDataset

SHARDS = "image_shards"
TRAINING = frozenset({"training", "tuning", "comparison"})  # pipelines that train
_Model = TypeVar("_Model", bound=Config)


def namespaces(pipeline: Pipeline) -> set[str]:
    """Names of the project's pipelines that run."""
    return {node.namespace for node in pipeline.nodes}


def image_facts(pipeline: Pipeline, catalog: CatalogProtocol) -> dict[str, int | None]:
    """Size, channels, number of classes of the images to train on; None where not known yet."""
    facts = shard_facts(catalog)
    classes = None if facts is None else len(facts.get("class_names", ())) or None
    return {
        "image_size": size_of(pipeline, catalog),
        "image_channels": channels_of(pipeline, catalog),
        "num_classes": classes,
    }


def parameters_of(catalog: CatalogProtocol, name: str, model: type[_Model]) -> _Model:
    """Parameters of a pipeline."""
    return model.model_validate(catalog.load(f"params:{name}"))


def size_of(pipeline: Pipeline, catalog: CatalogProtocol) -> int | None:
    """Side of the images that this run trains on, None where not known yet [px]."""
    return _facts(pipeline, catalog).get("image_size")


def channels_of(pipeline: Pipeline, catalog: CatalogProtocol) -> int:
    """Channels of those images; a record without a number is of three."""
    return int(_facts(pipeline, catalog).get("channels", 3))


def classes_of(pipeline: Pipeline, catalog: CatalogProtocol) -> int | None:
    """Number of their classes, None where not known yet."""
    facts = shard_facts(catalog) if SHARDS in pipeline.inputs() else None
    names = (facts or {}).get("class_names")
    return len(names) if names else None


def _facts(pipeline: Pipeline, catalog: CatalogProtocol) -> dict[str, Any]:
    if SHARDS in pipeline.all_outputs():
        from sagan.data.config import PreprocessingConfig

        return parameters_of(catalog, "preprocessing", PreprocessingConfig).model_dump()
    return (shard_facts(catalog) if SHARDS in pipeline.inputs() else None) or {}


def shard_facts(catalog: CatalogProtocol) -> dict[str, Any] | None:
    """What an earlier run recorded of its shards.

    None where there are none, where the catalog names the address of a published store, and of a
    dataset of another class.
    """
    dataset = unwrapped(catalog.get(SHARDS))
    return dataset.facts() if isinstance(dataset, HandleDataset) else None
