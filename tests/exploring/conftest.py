import pytest

from tests.browser import browser
from tests.small_world import small_bundle

__all__ = ["browser"]  # a fixture


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    return small_bundle(
        tmp_path_factory.mktemp("explored") / "generator",
        attention=(8, 16),
        class_titles={"00_circle": "disc, round"},
    )
