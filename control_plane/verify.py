"""`python -m mesh verify`: the answer of the control plane, for people and pipelines."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from chatgpt_mesh.control_plane.acknowledgement import (
    ControlPlaneUnreachableError,
    NotSyncedError,
    Rejection,
    UpdateRejectedError,
)
from chatgpt_mesh.control_plane.istiod import TIMEOUT_SECONDS, ControlPlane
from chatgpt_mesh.control_plane.kubernetes_api import KubernetesApi
from chatgpt_mesh.mesh.specs.root_namespace import ROOT_NAMESPACE

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kubeconfig", help="path; KUBECONFIG or ~/.kube/config if not given")
    parser.add_argument("--context", help="context of the kubeconfig; its current one if not given")
    parser.add_argument("--istio-namespace", default=ROOT_NAMESPACE, help="where istiod runs")
    parser.add_argument("--timeout", type=float, default=TIMEOUT_SECONDS, help="seconds to wait for acknowledgements")
    parser.add_argument("--format", choices=["text", "json"], default="text")


def run(arguments: argparse.Namespace) -> int:
    """0: every proxy has taken its configuration. 1: one refused it or is behind. 2: istiod cannot be asked."""
    refused: Sequence[Rejection] = ()
    failure = ""
    count = 0
    try:
        plane = ControlPlane(
            KubernetesApi(kubeconfig=arguments.kubeconfig, context=arguments.context), arguments.istio_namespace
        )
        plane.wait_synced(timeout=arguments.timeout)
        count = len({state.proxy for state in plane.acknowledgements()})
        if count == 0:
            failure = (
                "No proxy is connected to istiod; restart the gateways' and apps' pods if it does not know theirs."
            )
    except ControlPlaneUnreachableError as error:
        print(error, file=sys.stderr)
        return 2
    except UpdateRejectedError as error:
        refused, failure = error.rejections, str(error)
    except NotSyncedError as error:
        failure = str(error)
    if arguments.format == "json":
        print(json.dumps({"proxies": count, "rejections": [asdict(one) for one in refused], "failure": failure}))
    elif failure:
        print(failure)
    else:
        print(f"Every update is in force at all {count} proxies.")
    return 1 if failure else 0
