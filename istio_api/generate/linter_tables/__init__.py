"""What `meshlint` knows of Istio, read from the same modules and written as JSON beside `meshlint.schemas`.

`meshlint.schemas` describes the form. The linter is a distribution of its own and shares no code with this generator:
the tables are all that passes between them.
"""
