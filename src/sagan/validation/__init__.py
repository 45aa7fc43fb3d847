"""Data validation with Great Expectations: tables of the manifest, suites, report and gate."""
