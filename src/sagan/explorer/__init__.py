"""A page on this machine to look into a generator: where each point of a sample attends.

`kedro explore`, or `sagan explore BUNDLE`. All but `page` works without a browser and Gradio.
"""

import os

# here, since Gradio reads them while it is imported
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
