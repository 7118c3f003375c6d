"""Renders a chart as `helm template` does, with the values that the program hands to it.

For plans of a cluster that does not exist yet, where the engine shows a chart as one node, and for tests.
"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any, cast

import yaml

if TYPE_CHECKING:
    from pathlib import Path

    from chatgpt_mesh.istio_api.message import ChartValues


def rendered(
    values: ChartValues, charts: Path, helm: Path, *, release: str, namespace: str, kubernetes: str = "1.35.0"
) -> list[dict[str, Any]]:
    """Every object of the chart, in the order in which Helm writes them.

    Args:
        values: Decides the chart, too.
        charts: The directory `manifests/charts` of Istio's source.
        helm: The program.
        release: Name of the release.
        namespace: Namespace of the release.
        kubernetes: Version of the API server that the chart may ask for.

    Raises:
        subprocess.CalledProcessError: Helm refuses the values; `stderr` says why.
    """
    command = (str(helm), "template", release, str(charts / values.DIRECTORY))
    options = ("--namespace", namespace, "--kube-version", kubernetes, "--include-crds", "--values", "-")
    done = subprocess.run(
        (*command, *options), input=json.dumps(values.to_dict()), capture_output=True, text=True, check=True
    )
    documents = cast("list[dict[str, Any] | None]", list(yaml.load_all(done.stdout, yaml.CSafeLoader)))
    return [document for document in documents if document]
