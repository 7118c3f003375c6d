"""What the rules say about objects that others wrote in good faith: Istio's samples, and the test data of its module.

| file | what |
|---|---|
| `corpus.py` | the YAML of the module, and how it is put before the linter |
| `wrong.py` | which of its objects are wrong on purpose, by Istio's own tools; committed as `wrong.json` |
| `looked_at.py` | the findings on the others that are true, with the reason |
| `figures.py` | the counts, of a tuning half and a held-out half |

`python -m tests.unit.meshlint.alarms` prints the figures and writes docs/rules/false-alarms.md.
"""
