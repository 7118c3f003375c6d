"""Gateways: pods by what a Gateway selects, listeners by its servers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chatgpt_mesh.importing import workloads
from chatgpt_mesh.importing.source import Manifest, Source, as_list, as_mapping, texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chatgpt_mesh.importing.draft import Draft
    from chatgpt_mesh.importing.source import Path

NETWORKING = "networking.istio.io"

_VERSIONS = {"TLSV1_2": "1.2", "TLSV1_3": "1.3"}


@dataclass(slots=True)
class Imported:
    """A Gateway of the input, and the gateway that is declared for it."""

    source: Source
    name: str
    """In the declaration."""
    kind: str
    open_ports: list[int] = field(default_factory=list[int])


def read(draft: Draft) -> dict[str, Imported]:
    """Declared gateways by `NAMESPACE/NAME` of the Gateway objects; egress gateways without their servers."""
    found: dict[str, Imported] = {}
    for source in draft.of_kind("Gateway", NETWORKING):
        imported = _pods(draft, source)
        found[f"{source.namespace}/{source.name}"] = imported
    for imported in found.values():
        if imported.kind != "egress":
            _servers(draft, imported, _bound_hosts(draft, imported.source))
    return found


def names_of(source: Source, namespace: str | None = None) -> list[str]:
    """The gateways that a VirtualService names, as `NAMESPACE/NAME` or `mesh`."""
    named = [str(name) for name in as_list(source.spec.get("gateways"))] or ["mesh"]
    home = namespace or source.namespace
    return [name if name == "mesh" or "/" in name else f"{home}/{name}" for name in named]


def assumed_host(draft: Draft, source: Source, host: str) -> str:
    """The host of a VirtualService; for `*` one that is assumed."""
    return f"{source.name}.{draft.domain}" if host == "*" else host


def _bound_hosts(draft: Draft, gateway: Source) -> list[str]:
    """Hosts that VirtualServices have at a Gateway."""
    name = f"{gateway.namespace}/{gateway.name}"
    return list(
        dict.fromkeys(
            assumed_host(draft, one, str(host))
            for one in draft.of_kind("VirtualService", NETWORKING)
            if name in names_of(one)
            for host in as_list(one.spec.get("hosts"))
            if not str(host).endswith(".local") and "." in assumed_host(draft, one, str(host))
        )
    )


def _pods(draft: Draft, source: Source) -> Imported:
    selector = texts(source.spec.get("selector"))
    if (running := _running(draft, selector)) is not None:
        return _existing(draft, source, selector, running)
    label = selector.get("istio", "")
    if set(selector) != {"istio"} or not re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", label):
        label = "ingressgateway"
        if "selector" in source.spec:
            source.say(
                ("spec", "selector"),
                "a gateway's pods are found by the label `istio` of Istio's chart; it is taken for the public gateway",
            )
    kind = _kind(label)
    name = {"ingressgateway": "public", "internalgateway": "internal", "egressgateway": "egress"}.get(label, label)
    declared: dict[str, Any] = {"kind": kind}
    if name == label:
        declared["release"] = f"istio-{label}"
        declared["namespace"] = f"istio-{label}"
    if name not in draft.gateways:
        draft.gateways[name] = declared
        draft.assume(
            f"gateways.{name}: the pods that {source.key} selects are taken for a gateway of kind {kind} that this "
            "stack runs, in a namespace of its own; `existing` says that somebody else does."
        )
    if "selector" in source.spec:
        source.carry(("spec", "selector"), f"gateways.{name}")
    return Imported(source, name, kind)


def _running(draft: Draft, selector: Mapping[str, str]) -> Source | None:
    """What runs the pods that a Gateway selects, where the input shows it."""
    return next((one for one in workloads.controllers(draft) if workloads.runs(one, selector)), None)


def _existing(draft: Draft, source: Source, selector: dict[str, str], running: Source) -> Imported:
    """A gateway whose pods go on as they are."""
    labels = workloads.pod_labels(running)
    services = (
        one.name
        for one in draft.sources
        if one.kind == "Service" and one.namespace == running.namespace
        if (chosen := texts(one.spec.get("selector"))) and chosen.items() <= labels.items()
    )
    kind = _kind(running.name)
    name = next((known for known, spec in draft.gateways.items() if spec.get("namespace") == running.namespace), None)
    if name is None or draft.gateways[name].get("existing", {}).get("labels") != selector:
        name = kind if kind not in draft.gateways else running.name
        draft.gateways[name] = {
            "kind": kind,
            "namespace": running.namespace,
            "release": next(services, running.name),
            "existing": {"labels": selector, "service_account": workloads.account_of(running)},
        }
        draft.assume(
            f"gateways.{name}: {running.key} runs its pods and goes on; its Service has to open the ports of the "
            f"listeners. It is taken to be of kind {kind}."
        )
    source.carry(("spec", "selector"), f"gateways.{name}.existing.labels")
    return Imported(source, name, kind)


def _kind(name: str) -> str:
    return "egress" if "egress" in name else "internal" if "internal" in name else "public"


def _servers(draft: Draft, imported: Imported, bound: list[str]) -> None:
    source = imported.source
    servers = [as_mapping(server) for server in as_list(source.spec.get("servers"))]
    kept: list[int] = []
    redirected: list[tuple[int, list[str]]] = []
    for index, server in enumerate(servers):
        protocol = str(as_mapping(server.get("port")).get("protocol", "")).upper()
        mode = str(as_mapping(server.get("tls")).get("mode", ""))
        if protocol == "HTTPS" and mode in ("SIMPLE", "MUTUAL") and as_mapping(server["tls"]).get("credentialName"):
            _https(draft, imported, index, _hosts(draft, imported, index, bound))
        elif protocol in ("HTTP", "HTTP2"):
            redirected.append((index, _hosts(draft, imported, index, bound)))
        else:
            kept.append(index)
    for index, hosts in redirected:
        _http(draft, imported, index, hosts)
    if kept:
        _keep_servers(source, kept)


def _hosts(draft: Draft, imported: Imported, index: int, bound: list[str]) -> list[str]:
    """The hosts of a server without their namespaces, and those of its routes in place of `*`."""
    source, found = imported.source, list[str]()
    at: Path = ("spec", "servers", index, "hosts")
    for place, host in enumerate(as_list(as_mapping(source.at(at[:-1])).get("hosts"))):
        namespace, slash, name = str(host).rpartition("/")
        if slash and namespace != "*":
            source.say((*at, place), f"{name} may be claimed by any app of this stack, which owns its hosts")
        if name != "*":
            found.append(name)
            continue
        source.say(
            (*at, place),
            "a listener serves hosts that are named: "
            + (", ".join(bound) or "none, since no route names one")
            + f", with {draft.domain} assumed as the domain where the routes have `*` too (--domain says another)",
        )
        found += bound
    return list(dict.fromkeys(found))


def _listener(draft: Draft, imported: Imported, hosts: list[str], declared: dict[str, Any], name: str) -> str:
    """Adds a listener; where one of the same kind is there, its hosts grow."""
    listeners: dict[str, Any] = draft.gateways[imported.name].setdefault("listeners", {})
    label = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "https"
    for known, listener in listeners.items():
        if {key: value for key, value in listener.items() if key != "hosts"} == declared:
            listener["hosts"] += [host for host in hosts if host not in listener["hosts"]]
            return known
    while label in listeners:
        label += "-2"
    listeners[label] = {**declared, "hosts": list(hosts)}
    return label


def _https(draft: Draft, imported: Imported, index: int, hosts: list[str]) -> None:
    source, at = imported.source, ("spec", "servers", index)
    server = as_mapping(source.at(at))
    port, tls = as_mapping(server.get("port")), as_mapping(server.get("tls"))
    if not hosts:
        source.say(at, "it serves no host that a route names, so there is nothing to listen for")
        return
    said: dict[str, Any] = {"secret": tls.get("credentialName")}
    for key, setting in (("minProtocolVersion", "min_version"), ("maxProtocolVersion", "max_version")):
        if tls.get(key) in _VERSIONS:
            said[setting] = _VERSIONS[tls[key]]
    if tls.get("cipherSuites"):
        said["ciphers"] = list(tls["cipherSuites"])
    if tls.get("mode") == "MUTUAL":
        subjects = {"subjects": list(tls["subjectAltNames"])} if tls.get("subjectAltNames") else {}
        said["client_certificates"] = subjects
    declared = {"port": port.get("number", 443), "tls": said}
    name = _listener(draft, imported, hosts, declared, str(port.get("name") or "https"))
    to = f"gateways.{imported.name}.listeners.{name}"
    source.carry((*at, "port", "number"), f"{to}.port")
    source.carry((*at, "port", "protocol"), to)
    if "name" in port:
        source.carry((*at, "port", "name"), to)
    for place, host in enumerate(as_list(server.get("hosts"))):
        if host != "*":
            source.carry((*at, "hosts", place), f"{to}.hosts")
    for key, setting in _TLS.items():
        if key in tls and (setting not in ("min_version", "max_version") or tls[key] in _VERSIONS):
            source.carry((*at, "tls", key), f"{to}.tls.{setting}")


_TLS = {
    "mode": "secret",
    "credentialName": "secret",
    "minProtocolVersion": "min_version",
    "maxProtocolVersion": "max_version",
    "cipherSuites": "ciphers",
    "subjectAltNames": "client_certificates",
}
"""Fields of a server's TLS by the setting that says them. Mode and Secret are one: without TLS there is no listener."""


def _http(draft: Draft, imported: Imported, index: int, hosts: list[str]) -> None:
    """Plain HTTP is only ever redirected; where nothing serves HTTPS, that is assumed."""
    source, at = imported.source, ("spec", "servers", index)
    server = as_mapping(source.at(at))
    port = as_mapping(server.get("port")).get("number")
    secure = set(_secure_hosts(draft, imported.name))
    lacking = [host for host in hosts if host not in secure]
    redirects = as_mapping(server.get("tls")).get("httpsRedirect") is True
    secret = f"{imported.name}-tls"
    if redirects and not lacking and port == 80:
        source.carry((*at, "tls", "httpsRedirect"), f"gateways.{imported.name}.redirect_http")
        source.carry((*at, "port", "number"), f"gateways.{imported.name}.redirect_http")
        source.carry((*at, "port", "protocol"), f"gateways.{imported.name}.redirect_http")
        for place in range(len(as_list(server.get("hosts")))):
            source.carry((*at, "hosts", place), f"gateways.{imported.name}.redirect_http")
        return
    assumed = ""
    if lacking:
        name = _listener(draft, imported, lacking, {"port": 443, "tls": {"secret": secret}}, "https")
        assumed = f", at listeners.{name} with the certificate of the Secret {secret}, which has to be there"
        draft.assume(
            f"gateways.{imported.name}.listeners.{name}: {', '.join(lacking)} had no HTTPS; port 443 and a certificate "
            f"in the Secret {secret} of the gateway's namespace are assumed."
        )
    source.say(at, f"no host is served over plain HTTP: port 80 answers 301 to https{assumed}")


def _secure_hosts(draft: Draft, gateway: str) -> Iterator[str]:
    for listener in draft.gateways[gateway].get("listeners", {}).values():
        yield from listener["hosts"]


def _keep_servers(source: Source, kept: list[int]) -> None:
    """Servers are independent of each other, so those that pass bytes on can stay a Gateway of their own."""
    servers = as_list(source.spec.get("servers"))
    manifest: Manifest = {
        "apiVersion": source.manifest["apiVersion"],
        "kind": source.kind,
        "metadata": source.wanted["metadata"],
        "spec": {**source.spec, "servers": [servers[index] for index in kept]},
    }
    for index in kept:
        source.keep_field(("spec", "servers", index))
    source.keep_field(("metadata",))
    source.keep(
        "servers that pass TLS or bytes on are declared as listeners with one destination "
        "(gateways.NAME.listeners.NAME.destination), on an internal gateway where it is TCP; these stay as they are, "
        "and the gateway's Service opens no port for them",
        manifest,
    )


def servers_of(source: Source) -> Mapping[int, Mapping[str, Any]]:
    return {index: as_mapping(server) for index, server in enumerate(as_list(source.spec.get("servers")))}
