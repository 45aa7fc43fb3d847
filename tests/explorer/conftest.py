import pytest

from tests.browser import browser
from tests.small_world import small_bundle

TITLES = {"00_circle": "disc, round"}
__all__ = ["browser"]  # a fixture


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    return small_bundle(
        tmp_path_factory.mktemp("explored") / "generator",
        attention=(8, 16),
        class_titles=TITLES,
        distinct=True,
    )


@pytest.fixture(scope="session")
def both(tmp_path_factory):
    """Averaged weights, and raw ones beside them."""
    folder = tmp_path_factory.mktemp("compared") / "generator"
    return small_bundle(
        folder, attention=(8, 16), class_titles=TITLES, averaged=True, distinct=True
    )
