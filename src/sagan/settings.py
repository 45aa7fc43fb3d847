"""Kedro settings: the project's hooks, and how environments are merged."""

import warnings

from sagan.processes.signals import exit_on_signal, leave_kedro_run_on_signal

leave_kedro_run_on_signal()  # a Ctrl-C ends in one line, not in Kedro's traceback
with exit_on_signal():
    from sagan.hooks import ProjectHooks, TrackerHooks

# Kedro reads parameter models in a way that pydantic deprecates; users cannot act on it.
warnings.filterwarnings("ignore", message=r"Accessing the 'model_fields' attribute on the instance")

HOOKS = (ProjectHooks(), TrackerHooks())

CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # an environment overrides single parameters; without this it would drop their siblings
    "merge_strategy": {"parameters": "soft"},
}
