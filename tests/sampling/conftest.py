import pytest

from tests.small_world import small_bundle


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    return small_bundle(tmp_path_factory.mktemp("models") / "generator")


@pytest.fixture
def generator(bundle):
    return bundle.load()
