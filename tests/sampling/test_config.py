import pytest
from pydantic import ValidationError

from sagan.sampling.config import SamplingConfig


def test_refuses_a_misspelt_key():
    with pytest.raises(ValidationError, match="did you mean 'truncation'"):
        SamplingConfig(truncaton=0.5)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_refuses_a_truncation_that_would_never_end(value):
    with pytest.raises(ValidationError):
        SamplingConfig(truncation=value)
