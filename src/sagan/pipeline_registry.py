"""The names people type after `kedro run --pipeline=`.

Listed by hand: Kedro's `find_pipelines` imports nothing but the folder of the name asked for, so
that composites such as `train` and `evaluate` would fail with it.
"""

from kedro.pipeline import Pipeline

from sagan.pipelines import (
    acquisition,
    comparison,
    data_validation,
    evaluation,
    export,
    preprocessing,
    reporting,
    sampling,
    training,
    tuning,
)

STATIONS = {
    "acquisition": acquisition.create_pipeline,
    "data_validation": data_validation.create_pipeline,
    "preprocessing": preprocessing.create_pipeline,
    "training": training.create_pipeline,
    "sampling": sampling.create_pipeline,
    "evaluation": evaluation.create_pipeline,
    "reporting": reporting.create_pipeline,
}

# after the stream, on demand: what leaves the project
OUTLETS = {
    "export": export.create_pipeline,
}

# beside the stream: they run its stations' functions many times, and stand on its shards
STUDIES = {
    "tuning": tuning.create_pipeline,
    "comparison": comparison.create_pipeline,
}


def register_pipelines() -> dict[str, Pipeline]:
    """Every station by its own name, and the runs composed of them in the stream's order."""
    stations = {name: create() for name, create in STATIONS.items()}
    outlets = {name: create() for name, create in OUTLETS.items()}
    studies = {name: create() for name, create in STUDIES.items()}
    in_order = list(stations.values())
    return {
        "__default__": sum(in_order, start=Pipeline([])),
        "train": sum(in_order[:5], start=Pipeline([])),  # from nothing to samples
        "evaluate": sum(in_order[4:], start=Pipeline([])),  # from a generator to the report
        **stations,
        **outlets,
        **studies,
        "tune": sum(in_order[:3], studies["tuning"]),  # from nothing to better parameters
        "compare": sum(in_order[:3], studies["comparison"]),  # from nothing to a table
    }
