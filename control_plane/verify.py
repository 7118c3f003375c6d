"""`python -m mesh verify`: the answer of the control plane, for people and pipelines."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from chatgpt_mesh.control_plane import gateway_secrets
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
    from collections.abc import Callable, Sequence

    from chatgpt_mesh.control_plane.installation import InstallationApi


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kubeconfig", help="path; KUBECONFIG or ~/.kube/config if not given")
    parser.add_argument("--context", help="context of the kubeconfig; its current one if not given")
    parser.add_argument("--istio-namespace", default=ROOT_NAMESPACE, help="where istiod runs")
    parser.add_argument("--timeout", type=float, default=TIMEOUT_SECONDS, help="seconds to wait for acknowledgements")
    parser.add_argument("--format", choices=["text", "json"], default="text")


def run(arguments: argparse.Namespace, unmet: Callable[[InstallationApi], Sequence[str]] | None = None) -> int:
    """0: every proxy has taken its configuration, and every listener has its certificate. 1: a proxy refused it or is
    behind, a certificate is missing or not good, or a need of the stack is not met. 2: the cluster cannot be asked.

    `unmet` says what a stack needs of an Istio that somebody else installs and does not find there.
    """
    refused: Sequence[Rejection] = ()
    missing: Sequence[str] = ()
    certificates = gateway_secrets.Report((), ())
    failure = ""
    count = 0
    try:
        api = KubernetesApi(kubeconfig=arguments.kubeconfig, context=arguments.context)
        if unmet is not None:
            missing = unmet(api)
        certificates = gateway_secrets.report(api)
        plane = ControlPlane(api, arguments.istio_namespace)
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
        found = {
            "proxies": count,
            "rejections": [asdict(one) for one in refused],
            "failure": failure,
            "certificates": list(certificates.found),
            "unread": list(certificates.unread),
        }
        print(json.dumps(found if unmet is None else {**found, "unmet": list(missing)}))
    else:
        for sentence in (*missing, *certificates.found, *certificates.unread):
            print(sentence)
        print(failure or f"Every update is in force at all {count} proxies.")
    return 1 if failure or missing or certificates.found else 0
