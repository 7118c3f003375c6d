"""The joined endpoint of docs/joined-servers.md on the lab: its declaration, its pods, and the second server's."""

from __future__ import annotations

import contextlib
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from chatgpt_mesh.stack.settings import load_stack
from lab import images, pki
from lab.docker_archive import Image, Layer, shared_libraries
from lab.runtime import Runtime
from lab.state import CHECKOUT
from lab.workloads import declared_apps
from tests.documentation import blocks
from tests.lab.edge_certificates import certified
from tests.lab.kubectl import kubectl, wait_rolled_out
from tests.lab.real_clients.installed import pypi_clients

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.stack.settings import Settings
    from tests.lab.running_lab import RunningLab

EXAMPLE = CHECKOUT / "examples" / "joined-servers"
PAGE = CHECKOUT / "docs" / "joined-servers.md"
IMAGE = "docker.io/chatgpt-mesh-lab/joined-servers:lab"
TOOLS, SEARCH = "tools", "search"
"""The joined endpoint, and the server behind it that the lab does not run anyway."""

_KEYS_ELSEWHERE = "jwks_uri: https://auth.example.com/.well-known/jwks.json"
_KEYS_HERE = "jwks_file: $LAB_STATE/issuer/jwks.json"


def declaration(lab: RunningLab, directory: Path) -> Settings:
    """The page's first block over what is deployed, with the lab's own keys."""
    block = next(block for block in blocks("yaml part") if block.page == PAGE)
    assert _KEYS_ELSEWHERE in block.text
    declared = yaml.safe_load(block.text.replace(_KEYS_ELSEWHERE, _KEYS_HERE))["config"]
    settings = {name.removeprefix("chatgpt-mesh:"): value for name, value in declared.items()}
    # Beside the lab's own stack file, whose parents are named from the checkout.
    return load_stack(lab.stack_with(settings, directory))


@contextlib.contextmanager
def joined(lab: RunningLab, stack: Settings) -> Iterator[None]:
    """Its pods and its objects; neither is left at the end."""
    _ensure_image(lab)
    search = declared_apps.workloads([stack.apps[SEARCH]], image=images.WORKLOAD_IMAGE, digest="")
    manifests = [_on_the_lab(one) for one in yaml.safe_load_all((EXAMPLE / "tools.yaml").read_text(encoding="utf-8"))]
    workloads = yaml.safe_dump_all([*search, *manifests])
    try:
        kubectl(lab, "apply", "--server-side", "--filename=-", stdin=workloads)
        with lab.declaring(stack), certified(lab):
            wait_rolled_out(lab, lab.namespace, f"deployment/{TOOLS}", f"deployment/{SEARCH}")
            yield
    finally:
        gone = ["--ignore-not-found", "--grace-period=1", "--wait=true", "--filename=-"]
        kubectl(lab, "delete", *gone, stdin=workloads)


def _on_the_lab(manifest: dict[str, Any]) -> dict[str, Any]:
    """The example's own, with the lab's image and a sidecar that asks for little of one machine."""
    if manifest["kind"] == "Deployment":
        template = manifest["spec"]["template"]
        small = {"sidecar.istio.io/proxyCPU": "10m", "sidecar.istio.io/proxyMemory": "64Mi"}
        template["metadata"]["annotations"] = small
        template["spec"]["containers"][0] |= {"image": IMAGE, "imagePullPolicy": "IfNotPresent"}
    return manifest


def _ensure_image(lab: RunningLab) -> None:
    site_packages = Path(sysconfig.get_path("stdlib")) / "site-packages"
    installed = pypi_clients() / "venv" / "lib" / site_packages.parent.name / "site-packages"
    # Wheels bring most of what they link, and not the machine's own.
    linked = {path: file for module in installed.rglob("*.so") for path, file in shared_libraries(module).items()}
    machines = {path: file for path, file in linked.items() if not path.startswith(str(installed))}
    files = ("joined.py", "stock.openapi.json")
    code = {f"/app/{name}": (EXAMPLE / name).read_text(encoding="utf-8") for name in files}
    image = Image(
        IMAGE,
        [
            images.base_layer(),
            images.interpreter_layer(),
            Layer(files=machines, trees={str(site_packages): installed}),
            images.trust_layer(pki.edge_authority(lab.state.pki).certificate),
            Layer(texts=code),
        ],
        ("/usr/local/bin/python",),
        images.WORKLOAD_USER,
        {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    runtime = Runtime(lab.state)
    runtime.ensure(image, runtime.image_names())
