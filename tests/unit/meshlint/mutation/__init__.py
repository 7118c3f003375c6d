"""How many mistakes in a correct mesh the linter and `compare` name.

| file | what |
|---|---|
| `fields.py` | every field of one mesh left out or changed, judged by the linter alone: docs/rules/mutations.md |
| `policies.py`, `traffic.py` | mistakes as people make them, by operator; `mistakes.py` has what they are made of |
| `meshes.py` | the correct meshes in which they are made |
| `requests.py` | requests drawn at random: whether a mistake changes what some request gets |
| `judged.py` | counts, and the page docs/rules/mistakes.md |

`python -m tests.unit.meshlint.mutation` prints the figures and writes both pages.
"""
