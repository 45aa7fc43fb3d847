"""The attention explorer: a local page that shows where each point of a sample attends.

`kedro explore`, or `sagan explore BUNDLE`. All but `page` and `explore` works without Gradio.
"""

import os

# set here because Gradio reads them when it is imported
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
