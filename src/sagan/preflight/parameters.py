"""Preflight checks of the configuration: environment and parameters.

Kedro ignores a parameter that no node asks for, and checks those of the pipelines that run only,
one traceback at a time. Here the parameters of all pipelines are checked together, and each fault
is one line: the parameter's path, what it got, what was expected.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kedro.pipeline import Pipeline
from kedro.validation.type_extractor import TypeExtractor
from pydantic import ValidationError

from sagan.common.schema import describe_faults, holders, unknown_key

_SHOWN_FAULTS = 20


def check_environment(conf_source: str, environment: str | None) -> None:
    """Refuse an environment that has no folder.

    Args:
        conf_source: Folder of the environments.
        environment: Its name; None: the default.

    Raises:
        ValueError: naming the nearest environment.
    """
    folder = Path(conf_source)
    if environment is None or not folder.is_dir() or (folder / environment).is_dir():
        return
    known = sorted(path.name for path in folder.iterdir() if path.is_dir())
    phrase = unknown_key(environment, known).replace("unknown key", "unknown environment")
    raise ValueError(phrase.replace("known keys:", f"folders of {folder.name}/:"))


def check_parameters(
    parameters: Mapping[str, Any],
    pipelines: Mapping[str, Pipeline],
    global_places: Mapping[str, str] | None = None,
) -> None:
    """Check all parameters against the models of all pipelines.

    Args:
        parameters: The merged configuration, with what `--params` added.
        pipelines: Every registered pipeline; its nodes' type hints name the models.
        global_places: Names that are globals instead, and the file that each belongs to.

    Raises:
        ValueError: listing all faults at once.
    """
    known = {name for pipeline in pipelines.values() for name in _parameter_names(pipeline)}
    # a pipeline that a user added, known by its lack of a namespace, may not use its file yet
    known |= {
        name
        for name, pipeline in pipelines.items()
        if not any(node.namespace for node in pipeline.nodes)
    }
    models = TypeExtractor(dict(pipelines)).extract_types_from_pipelines()
    places = global_places or {}
    faults = [
        f"'{name}' is a global, no parameter: it belongs in {places[name]}"
        if name in places
        else unknown_key(name, known, [p for at, m in models.items() for p in holders(m, name, at)])
        for name in parameters
        if name not in known
    ]
    faults += [
        f"{name}: not given; is conf/base/parameters_{name}.yml there?"
        for name in sorted(models.keys() - parameters.keys())
    ]
    for name, model in models.items():
        try:
            if name in parameters:
                model.model_validate(parameters[name], context=models)
        except ValidationError as error:
            faults += describe_faults(error, name)
    if faults:
        shown = "\n".join(f"  {fault}" for fault in faults[:_SHOWN_FAULTS])
        more = f"\n  and {len(faults) - _SHOWN_FAULTS} more" if len(faults) > _SHOWN_FAULTS else ""
        raise ValueError(
            f"{len(faults)} wrong parameter{'s' if len(faults) > 1 else ''} "
            f"(conf/*/parameters_*.yml or --params):\n{shown}{more}"
        )


def _parameter_names(pipeline: Pipeline) -> Iterator[str]:
    for name in pipeline.inputs():
        if name.startswith("params:"):
            yield name.removeprefix("params:").split(".")[0]
