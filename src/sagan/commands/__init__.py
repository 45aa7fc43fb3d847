"""The command line: options of `kedro run`, and errors in the user's words."""
