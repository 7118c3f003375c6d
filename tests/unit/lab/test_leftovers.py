"""Only what is the lab's is taken away."""

from __future__ import annotations

from pathlib import Path

from lab.leftovers import mounts_below, rules_without_the_lab

MOUNTINFO = """\
22 1 254:0 / / rw - ext4 /dev/vda rw
30 22 0:40 / /var/lib/lab/containerd/state/run/abc/rootfs rw - overlay overlay rw
31 22 0:41 / /var/lib/lab/kubelet/pods/1/volumes/a\\040b rw - tmpfs tmpfs rw
32 22 0:42 / /var/lib/lab rw - tmpfs tmpfs rw
33 22 0:43 / /var/lib/laboratory rw - tmpfs tmpfs rw
"""


def test_mounts_are_taken_from_the_deepest_up_and_a_neighbour_stays() -> None:
    below = mounts_below(Path("/var/lib/lab"), MOUNTINFO)
    assert set(below) == {
        "/var/lib/lab/kubelet/pods/1/volumes/a b",
        "/var/lib/lab/containerd/state/run/abc/rootfs",
        "/var/lib/lab",
    }
    assert below[-1] == "/var/lib/lab"


SAVED = """\
*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-SVC-ABC - [0:0]
:CNI-0123456789abcdef - [0:0]
:CNI-fedcba9876543210 - [0:0]
:CNI-HOSTPORT-DNAT - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-A POSTROUTING -s 10.244.0.5/32 -m comment --comment "name: \\"chatgpt-mesh-lab\\" id: \\"x\\"" -j CNI-0123456789abcdef
-A POSTROUTING -s 10.88.0.5/32 -m comment --comment "name: \\"podman\\" id: \\"y\\"" -j CNI-fedcba9876543210
-A CNI-0123456789abcdef -d 10.244.0.0/24 -m comment --comment "name: \\"chatgpt-mesh-lab\\" id: \\"x\\"" -j ACCEPT
-A CNI-fedcba9876543210 -d 10.88.0.0/24 -m comment --comment "name: \\"podman\\" id: \\"y\\"" -j ACCEPT
-A KUBE-SERVICES -d 10.0.0.1/32 -j KUBE-SVC-ABC
COMMIT
*filter
:INPUT ACCEPT [0:0]
-A INPUT -p tcp --dport 22 -j ACCEPT
COMMIT
"""


def test_the_labs_chains_and_the_jumps_to_them_go() -> None:
    script = rules_without_the_lab(SAVED).splitlines()
    assert '-D PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES' in script
    assert any(line.startswith("-D POSTROUTING") and "CNI-0123456789abcdef" in line for line in script)
    for chain in ("KUBE-SERVICES", "KUBE-SVC-ABC", "CNI-0123456789abcdef", "CNI-HOSTPORT-DNAT"):
        assert script.index(f"-F {chain}") < script.index(f"-X {chain}")


def test_every_chain_is_emptied_before_the_first_is_deleted() -> None:
    script = rules_without_the_lab(SAVED).splitlines()
    assert max(i for i, line in enumerate(script) if line.startswith("-F ")) < min(
        i for i, line in enumerate(script) if line.startswith("-X ")
    )


def test_rules_of_others_stay() -> None:
    script = rules_without_the_lab(SAVED)
    assert "DOCKER" not in script
    assert "podman" not in script
    assert "CNI-fedcba9876543210" not in script
    assert "filter" not in script


def test_host_port_chains_stay_while_another_network_uses_them() -> None:
    used = SAVED.replace(
        "COMMIT", '-A CNI-HOSTPORT-DNAT -m comment --comment "dnat name: \\"podman\\"" -j CNI-DN-1\nCOMMIT', 1
    )
    script = rules_without_the_lab(used)
    assert "CNI-HOSTPORT" not in script
    assert "-X KUBE-SERVICES" in script


def test_nothing_is_done_where_nothing_is_the_labs() -> None:
    assert rules_without_the_lab("*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n") == ""
