"""What the tests of pipelines 1 to 3 share: the project's own catalog and parameters."""

from pathlib import Path
from typing import Any, get_type_hints

import yaml
from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

CONF = Path(__file__).parents[2] / "conf"
PIPELINES = ("acquisition", "data_validation", "preprocessing")


def catalog_below(folder: Path, **values: Any) -> DataCatalog:
    """The committed catalog of the three pipelines with all data below `folder`, and values."""
    entries = {}
    for pipeline in PIPELINES:
        text = (CONF / f"base/catalog_{pipeline}.yml").read_text()
        entries |= yaml.safe_load(text.replace("${globals:data_root}", str(folder)))
    suites = entries["expectation_suites"]
    suites["filepath"] = str(CONF.parent / suites["filepath"])
    catalog = DataCatalog.from_config(entries)
    for name, value in values.items():
        catalog[name] = value
    return catalog


def parameters(pipeline: str, env: str = "base") -> dict[str, Any]:
    """One pipeline's committed parameters in an environment, laid over the base ones."""
    loader = OmegaConfigLoader(
        conf_source=str(CONF),
        base_env="base",
        default_run_env=env,
        merge_strategy={"parameters": "soft"},
    )
    values: dict[str, Any] = loader["parameters"][pipeline]
    return values


def parameter_model(pipeline: Pipeline, name: str) -> type:
    """The model that Kedro makes of the pipeline's parameters: resolvable hints, all the same."""
    models = {
        get_type_hints(node.func)[next(iter(get_type_hints(node.func)))]
        for node in pipeline.nodes
        if f"params:{name}" in node.inputs
    }
    (model,) = models
    return model
