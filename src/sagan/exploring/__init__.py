"""A page on this machine to look into a generator: where each point of a sample attends.

`kedro explore`, or `sagan explore BUNDLE`. All but `page` works without a browser and Gradio.
"""
