"""Label selectors of Kubernetes with expressions, as Gateway API uses them for namespaces.

Source: kubernetes.io/docs/concepts/overview/working-with-objects/labels
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.view.fields import elements, string_map, strings, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshlint.view.fields import Json

NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""The label that Kubernetes gives every namespace: its name."""


def keys_of(selector: Json) -> set[str]:
    """The labels that a selector looks at."""
    expressions = {text(one, "key") for one in elements(selector, "matchExpressions")}
    return expressions | set(string_map(selector, "matchLabels"))


def selects_labels(selector: Json, labels: Mapping[str, str]) -> bool:
    """Whether a selector takes an object with these labels."""
    by_name = all(labels.get(name) == wanted for name, wanted in string_map(selector, "matchLabels").items())
    return by_name and all(_holds(one, labels) for one in elements(selector, "matchExpressions"))


def _holds(expression: Json, labels: Mapping[str, str]) -> bool:
    found, values = labels.get(text(expression, "key")), strings(expression, "values")
    match text(expression, "operator"):
        case "In":
            return found in values
        case "NotIn":
            return found not in values
        case "Exists":
            return found is not None
        case "DoesNotExist":
            return found is None
        case _:
            return False
