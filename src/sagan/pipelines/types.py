"""Types of node signatures that are heavy to import: themselves to mypy, `Any` at run time.

Kedro resolves the hints of a node to validate its parameters, and one that it cannot resolve
switches that off without a word. Configuration classes are imported plainly, never from here.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame
    from plotly.graph_objects import Figure

    from sagan.bundle.generator_bundle import GeneratorBundle
    from sagan.data.shards.store import ShardStore
    from sagan.export.folder import ExportFolder
else:
    DataFrame = ExportFolder = Figure = GeneratorBundle = ShardStore = Any

__all__ = ["DataFrame", "ExportFolder", "Figure", "GeneratorBundle", "ShardStore"]
