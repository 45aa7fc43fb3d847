"""The report: sections, training curves and the page, made from saved artefacts alone."""
