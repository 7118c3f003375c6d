"""The one import name of the product: `chatgpt_mesh.mesh`, `chatgpt_mesh.stack`, `chatgpt_mesh.components`, ...

The packages lie at the top of the repository, and the links beside this file give them the name under which they are
installed, so that no generic name (`mesh`, `stack`) gets into anybody's environment: docs/adr/0009-one-import-name.md.
"""

__version__ = "0.1.0"
"""Of the distribution, and of the contracts that CHANGELOG.md names: semver, https://semver.org."""
