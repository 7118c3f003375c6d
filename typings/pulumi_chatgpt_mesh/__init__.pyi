# The package's SDK in Python is generated where it is used, and is not here. tests/lab/test_package.py generates it and
# has the example judged by its types; here everything in it is Any.
from typing import Any

def __getattr__(name: str) -> Any: ...
