"""The reader's room: curves and the report page, made from saved artefacts alone."""
