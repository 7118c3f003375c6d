"""What is imported in tests: Istio's own samples, as its pinned module has them, and the guide's documents."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from chatgpt_mesh.importing.imported import Imported, imported
from lab.istio_version import go_modules
from lab.istio_version.places import PIN
from meshlint.load import load
from tests.surroundings import ROOT

TODAY = date(2026, 11, 24)

GUIDE = ROOT / "tests" / "fixtures" / "guide"

Manifest = dict[str, Any]


@functools.cache
def samples() -> Path:
    """The samples of the Istio that this repository is written for; Go downloads its source on first use."""
    return go_modules.source_of(go_modules.SOURCE, PIN.modules[go_modules.SOURCE]) / "samples"


def read(*files: Path) -> list[Manifest]:
    return load([str(file) for file in files]).objects


def bookinfo(*networking: str) -> list[Manifest]:
    """The sample's workloads, with some of its Istio objects."""
    directory = samples() / "bookinfo"
    return read(
        directory / "platform" / "kube" / "bookinfo.yaml",
        *(directory / "networking" / f"{name}.yaml" for name in networking),
    )


def httpbin() -> list[Manifest]:
    return read(samples() / "httpbin" / "httpbin.yaml", samples() / "httpbin" / "httpbin-gateway.yaml")


def whole_files() -> Iterator[tuple[str, list[Manifest]]]:
    """Every input of a file or directory, with a name: samples alone, bookinfo's rules beside its workloads, the
    guide as a whole and document by document."""
    bookinfo_files = samples() / "bookinfo"
    for file in sorted((bookinfo_files / "networking").glob("*.yaml")):
        yield f"bookinfo with {file.stem}", bookinfo(file.stem)
    alone = [
        *bookinfo_files.glob("networking/*.yaml"),
        *bookinfo_files.glob("platform/kube/*.yaml"),
        *bookinfo_files.glob("policy/*.yaml"),
        *bookinfo_files.glob("gateway-api/*.yaml"),
        *(samples() / "httpbin").rglob("*.yaml"),
        *GUIDE.glob("*.yaml"),
    ]
    for file in sorted(alone):
        yield "/".join(file.parts[-3:]), read(file)
    yield "httpbin with its gateway", httpbin()
    yield "the guide", read(GUIDE)


def of(text: str) -> list[Manifest]:
    """Objects from YAML, without what every one of them needs: names where none are said."""
    objects = [document for document in yaml.safe_load_all(text) if document]
    for one in objects:
        one.setdefault("metadata", {}).setdefault("name", "it")
        one["metadata"].setdefault("namespace", "shop")
    return objects


def declared(objects: list[Manifest], **options: str) -> Imported:
    return imported(copy.deepcopy(objects), TODAY, **options)


def told(found: Imported) -> list[str]:
    """Every sentence about the input."""
    return [str(one) for source in found.sources for one in source.told]


SHOP = """
apiVersion: v1
kind: Service
metadata: {name: cart}
spec: {selector: {app: cart}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart}
spec:
  template:
    metadata: {labels: {app: cart}}
    spec: {serviceAccountName: cart, containers: [{name: main, image: cart}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: checkout}
spec:
  template:
    metadata: {labels: {app: checkout}}
    spec: {serviceAccountName: checkout, containers: [{name: main, image: checkout}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  selector: {istio: ingressgateway}
  servers:
    - port: {number: 443, name: https, protocol: HTTPS}
      hosts: [cart.acme.example]
      tls: {mode: SIMPLE, credentialName: cart-tls}
"""
"""An app with a Service, one that only calls, and a gateway with a host that nobody claims yet."""


def shop(text: str = "") -> list[Manifest]:
    """The shop, with more objects."""
    return of(f"{SHOP}---\n{text}")


ROUTES = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: cart}}
spec:
  hosts: [cart.acme.example]
  gateways: [edge]
  http:
    {http}
"""

TO_CART = "route: [{destination: {host: cart, port: {number: 80}}}]"


def cart(found: Imported) -> dict[str, Any]:
    return found.values["apps"]["cart"]


def routed(http: str) -> Imported:
    return declared(shop(ROUTES.format(http=http)))


def says(found: Imported, path: str, sentence: str) -> bool:
    return any(f" {path}" in one and sentence in one for one in told(found) + found.assumed)
