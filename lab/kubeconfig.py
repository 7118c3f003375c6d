"""Kubeconfig files: one per user of the lab's API server, and the check of one that somebody else wrote."""

from __future__ import annotations

import base64
import os
import ssl
import tempfile
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import yaml

from lab.failure import LabError
from lab.json_types import is_object
from lab.network import API_SERVER_PORT, NODE_ADDRESS

if TYPE_CHECKING:
    from pathlib import Path

CONTEXT = "lab"
SERVER = f"https://{NODE_ADDRESS}:{API_SERVER_PORT}"


def write(path: Path, user: str, authority: Path, certificate: Path, key: Path) -> Path:
    """Write a kubeconfig with everything embedded; the file is left alone when its content is the same already."""

    def embedded(file: Path) -> str:
        return base64.b64encode(file.read_bytes()).decode("ascii")

    content = yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": CONTEXT, "cluster": {"server": SERVER, "certificate-authority-data": embedded(authority)}}
            ],
            "users": [
                {
                    "name": user,
                    "user": {"client-certificate-data": embedded(certificate), "client-key-data": embedded(key)},
                }
            ],
            "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": user}}],
            "current-context": CONTEXT,
        },
        sort_keys=False,
    )
    if not path.exists() or path.read_text(encoding="utf-8") != content:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(content)
    return path


class ApiServer:
    """Plain HTTP to the lab's API server as the user of a kubeconfig that ``write`` has written."""

    def __init__(self, kubeconfig: Path) -> None:
        document = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        self._server: str = document["clusters"][0]["cluster"]["server"]
        self._context = ssl.create_default_context(
            cadata=_decoded(document["clusters"][0]["cluster"]["certificate-authority-data"])
        )
        user: dict[str, Any] = document["users"][0]["user"]
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as pair:  # ssl takes client certificates from files only
            pair.write(_decoded(user["client-certificate-data"]) + _decoded(user["client-key-data"]))
            pair.flush()
            self._context.load_cert_chain(pair.name)

    def get(self, path: str, timeout: float = 2.0) -> bytes | None:
        """Body of a 200 answer, else None: used to wait for things, not to explain why they are absent."""
        return self._fetch(f"{self._server}{path}", timeout)

    def healthy(self, url: str) -> bool:
        """Whether another process with a certificate of the cluster's authority answers 200 at this URL."""
        return self._fetch(url, timeout=2.0) is not None

    def _fetch(self, url: str, timeout: float) -> bytes | None:
        try:
            with urllib.request.urlopen(url, timeout=timeout, context=self._context) as answer:  # noqa: S310 # https, from our own kubeconfig
                return answer.read()
        except (urllib.error.URLError, OSError):
            return None


def _decoded(data: str) -> str:
    return base64.b64decode(data).decode("ascii")


def require_usable(path: Path) -> None:
    """Check a kubeconfig that the user has named with LAB_KUBECONFIG.

    Raises:
        LabError: it cannot be read, is not a kubeconfig, or has no current context.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LabError(
            f"LAB_KUBECONFIG={path} cannot be read: {error.strerror}. Name a kubeconfig file, or unset "
            "LAB_KUBECONFIG to use the lab's own cluster."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise LabError(
            f"LAB_KUBECONFIG={path} is not YAML: {str(error).splitlines()[0]}. Name a kubeconfig file, or unset "
            "LAB_KUBECONFIG."
        ) from error
    if not is_object(document) or not document.get("clusters"):
        raise LabError(
            f"LAB_KUBECONFIG={path} is not a kubeconfig: it has no `clusters`. Name another file, or unset "
            "LAB_KUBECONFIG."
        )
    if not document.get("current-context"):
        raise LabError(
            f"LAB_KUBECONFIG={path} has no current context. Set one: `kubectl --kubeconfig {path} config use-context "
            "NAME`."
        )
