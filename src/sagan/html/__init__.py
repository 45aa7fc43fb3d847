"""HTML pages: one template environment, one base style, one chart module, one set of formats."""
