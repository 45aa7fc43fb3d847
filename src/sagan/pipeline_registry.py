"""The registered pipelines: the names after `kedro run --pipeline=`.

They are listed by hand since Kedro's `find_pipelines` imports only the folder of the requested
name, so that compositions such as `train` and `evaluate` would fail. Other folders of
`sagan.pipelines`, such as `kedro pipeline create` makes, are found.
"""

from importlib import import_module
from pkgutil import iter_modules

from kedro.pipeline import Pipeline

from sagan import pipelines as package
from sagan.pipelines.acquisition import pipeline as acquisition
from sagan.pipelines.comparison import pipeline as comparison
from sagan.pipelines.completion import pipeline as completion
from sagan.pipelines.data_validation import pipeline as data_validation
from sagan.pipelines.evaluation import pipeline as evaluation
from sagan.pipelines.export import pipeline as export
from sagan.pipelines.preprocessing import pipeline as preprocessing
from sagan.pipelines.reporting import pipeline as reporting
from sagan.pipelines.sampling import pipeline as sampling
from sagan.pipelines.training import pipeline as training
from sagan.pipelines.tuning import pipeline as tuning

# in the order of the data flow
PIPELINES = {
    "acquisition": acquisition.create_pipeline,
    "data_validation": data_validation.create_pipeline,
    "preprocessing": preprocessing.create_pipeline,
    "training": training.create_pipeline,
    "sampling": sampling.create_pipeline,
    "evaluation": evaluation.create_pipeline,
    "reporting": reporting.create_pipeline,
}

# run on demand, after the data flow: what is shared outside the project
EXPORTS = {
    "export": export.create_pipeline,
}

# run on demand, of minutes to hours: stages of studies/dvc.yaml
STUDIES = {
    "tuning": tuning.create_pipeline,
    "comparison": comparison.create_pipeline,
    "completion": completion.create_pipeline,
}


# beside its pipeline's name, each node has one of these tags: `kedro run --tags=data`
_TAGS = dict.fromkeys(("acquisition", "data_validation", "preprocessing"), "data")
_TAGS |= dict.fromkeys(("training", "sampling", "export"), "model")
_TAGS |= dict.fromkeys(("evaluation", "reporting"), "results")
_TAGS |= dict.fromkeys(("tuning", "comparison", "completion"), "study")


def register_pipelines() -> dict[str, Pipeline]:
    """Every pipeline by its own name, and the compositions of several."""
    made = {
        name: Pipeline(create(), tags=[name, _TAGS[name]])
        for name, create in (PIPELINES | EXPORTS | STUDIES).items()
    }
    pipelines = {name: made[name] for name in PIPELINES}
    exports = {name: made[name] for name in EXPORTS}
    studies = {name: made[name] for name in STUDIES}
    in_order = list(pipelines.values())
    return {
        "__default__": sum(in_order, start=Pipeline([])),
        "train": sum(in_order[:5], start=Pipeline([])),  # from a source to samples
        "evaluate": sum(in_order[4:], start=Pipeline([])),  # from a generator to the report
        **pipelines,
        **exports,
        **studies,
        "tune": sum(in_order[:3], studies["tuning"]),  # from a source to better parameters
        "compare": sum(in_order[:3], studies["comparison"]),  # from a source to a table
        "complete": studies["completion"],  # from a generator to completed images
        **_others(made),
    }


def _others(ours: dict[str, Pipeline]) -> dict[str, Pipeline]:
    """The pipelines of further folders of `sagan.pipelines`, by the folder's name."""
    folders = {found.name for found in iter_modules(package.__path__) if found.ispkg}
    modules = {
        name: import_module(f"{package.__name__}.{name}") for name in sorted(folders - ours.keys())
    }
    return {name: module.create_pipeline() for name, module in modules.items()}
