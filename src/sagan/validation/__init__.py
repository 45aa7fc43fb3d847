"""The validation room: the only one that speaks Great Expectations.

The manifest becomes four tables, a suite of expectations (data, read from the parameters) is held
against them, and the gate lets only a sound data set go on.
"""
