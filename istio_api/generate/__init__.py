"""Writes the generated modules; a development tool that the program never imports."""
