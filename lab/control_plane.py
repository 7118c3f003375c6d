"""Command lines of etcd, the API server, the controller manager and the scheduler.

Every connection is TLS with certificates of the cluster's own authority, on the bridge's address or the loopback: what
another user of the machine could reach without a certificate is nothing but health checks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import kubeconfig, network, pki
from lab.processes import Process

if TYPE_CHECKING:
    from lab.state import State
    from lab.toolchain import Toolchain

ETCD = "etcd"
API_SERVER = "kube-apiserver"
CONTROLLER_MANAGER = "kube-controller-manager"
SCHEDULER = "kube-scheduler"

_LOOPBACK = "127.0.0.1"

ETCD_HEALTH = f"https://{_LOOPBACK}:{network.ETCD_PORT}/health"
CONTROLLER_MANAGER_HEALTH = f"https://{_LOOPBACK}:10257/healthz"
SCHEDULER_HEALTH = f"https://{_LOOPBACK}:10259/healthz"


def write_admin_kubeconfig(state: State) -> None:
    """The kubeconfig of the person at the keyboard, with all rights on the lab."""
    authority = pki.cluster_authority(state.pki)
    certificate, key = authority.issue("admin", "lab-admin", organizations=("system:masters",))
    kubeconfig.write(state.kubeconfig, "lab-admin", authority.certificate, certificate, key)


def etcd(state: State, toolchain: Toolchain) -> Process:
    authority = pki.cluster_authority(state.pki)
    certificate, key = authority.issue("etcd", "etcd", names=(_LOOPBACK,))
    return Process(
        ETCD,
        (
            str(toolchain.path("etcd")),
            "--name=lab",
            f"--data-dir={state.etcd}",
            f"--listen-client-urls=https://{_LOOPBACK}:{network.ETCD_PORT}",
            f"--advertise-client-urls=https://{_LOOPBACK}:{network.ETCD_PORT}",
            f"--listen-peer-urls=https://{_LOOPBACK}:{network.ETCD_PEER_PORT}",
            f"--initial-advertise-peer-urls=https://{_LOOPBACK}:{network.ETCD_PEER_PORT}",
            f"--initial-cluster=lab=https://{_LOOPBACK}:{network.ETCD_PEER_PORT}",
            *(f"--{role}cert-file={certificate}" for role in ("", "peer-")),
            *(f"--{role}key-file={key}" for role in ("", "peer-")),
            *(f"--{role}trusted-ca-file={authority.certificate}" for role in ("", "peer-")),
            "--client-cert-auth",
            "--peer-client-cert-auth",
            # the data may be lost with the machine's power; a shared disk's fsync costs seconds
            "--unsafe-no-fsync",
            "--log-level=warn",
        ),
    )


def api_server(state: State, toolchain: Toolchain) -> Process:
    authority = pki.cluster_authority(state.pki)
    certificate, key = authority.issue(
        "kube-apiserver",
        "kube-apiserver",
        names=(
            network.NODE_ADDRESS,
            network.API_SERVICE_ADDRESS,
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
        ),
    )
    etcd_certificate, etcd_key = authority.issue("kube-apiserver-etcd-client", "kube-apiserver")
    kubelet_certificate, kubelet_key = authority.issue(
        "kube-apiserver-kubelet-client", "kube-apiserver", organizations=("system:masters",)
    )
    public_key, private_key = pki.service_account_key(authority.directory)
    return Process(
        API_SERVER,
        (
            str(toolchain.path("kube-apiserver")),
            f"--bind-address={network.NODE_ADDRESS}",
            f"--advertise-address={network.NODE_ADDRESS}",
            f"--secure-port={network.API_SERVER_PORT}",
            f"--tls-cert-file={certificate}",
            f"--tls-private-key-file={key}",
            f"--client-ca-file={authority.certificate}",
            f"--etcd-servers=https://{_LOOPBACK}:{network.ETCD_PORT}",
            f"--etcd-cafile={authority.certificate}",
            f"--etcd-certfile={etcd_certificate}",
            f"--etcd-keyfile={etcd_key}",
            f"--kubelet-certificate-authority={authority.certificate}",
            f"--kubelet-client-certificate={kubelet_certificate}",
            f"--kubelet-client-key={kubelet_key}",
            # else `kubectl logs` looks the node's name up in DNS
            "--kubelet-preferred-address-types=InternalIP",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={public_key}",
            f"--service-account-signing-key-file={private_key}",
            f"--service-cluster-ip-range={network.SERVICE_NETWORK}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--anonymous-auth=false",
            "--allow-privileged=true",  # Istio's init container sets iptables rules in a pod's own network
            "--profiling=false",
        ),
        inputs=(certificate, authority.certificate),
        grace=5.0,
    )


def controller_manager(state: State, toolchain: Toolchain) -> Process:
    authority = pki.cluster_authority(state.pki)
    _, private_key = pki.service_account_key(authority.directory)
    return _controller(
        state,
        toolchain,
        CONTROLLER_MANAGER,
        f"--root-ca-file={authority.certificate}",
        f"--service-account-private-key-file={private_key}",
        "--use-service-account-credentials",
    )


def scheduler(state: State, toolchain: Toolchain) -> Process:
    return _controller(state, toolchain, SCHEDULER)


def _controller(state: State, toolchain: Toolchain, name: str, *flags: str) -> Process:
    """A client of the API server that serves nothing but its own health."""
    authority = pki.cluster_authority(state.pki)
    user = f"system:{name}"
    certificate, key = authority.issue(name, user, names=(_LOOPBACK,))
    credentials = kubeconfig.write(state.config / f"{name}.kubeconfig", user, authority.certificate, certificate, key)
    return Process(
        name,
        (
            str(toolchain.path(name)),
            f"--kubeconfig={credentials}",
            f"--bind-address={_LOOPBACK}",
            f"--tls-cert-file={certificate}",
            f"--tls-private-key-file={key}",
            # one instance: an election would only make a restarted one wait for its predecessor's lease
            "--leader-elect=false",
            "--profiling=false",
            *flags,
        ),
        inputs=(credentials,),
    )
