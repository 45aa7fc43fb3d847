"""Kedro's settings of this project: its hooks, and how an environment is laid over base."""

import warnings

from sagan.hooks import ProjectHooks

# Kedro reads its own parameter models in a way that pydantic deprecates; users cannot act on it.
warnings.filterwarnings("ignore", message=r"Accessing the 'model_fields' attribute on the instance")

HOOKS = (ProjectHooks(),)

CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # an environment overrides single parameters; without this their siblings would be dropped
    "merge_strategy": {"parameters": "soft"},
}
