"""Writes the modules of `istio_api` and the tables of `meshlint`; a development tool that neither ever imports."""
