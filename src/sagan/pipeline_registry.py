"""The registered pipelines: the names after `kedro run --pipeline=`.

They are listed by hand since Kedro's `find_pipelines` imports only the folder of the requested
name, so that compositions such as `train` and `evaluate` would fail.
"""

from kedro.pipeline import Pipeline

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


def register_pipelines() -> dict[str, Pipeline]:
    """Every pipeline by its own name, and the compositions of several."""
    pipelines = {name: create() for name, create in PIPELINES.items()}
    exports = {name: create() for name, create in EXPORTS.items()}
    studies = {name: create() for name, create in STUDIES.items()}
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
    }
