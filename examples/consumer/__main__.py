"""Another team's service behind the gateway of a chatgpt-mesh stack; all that it knows of the mesh are the outputs.

Configuration: `mesh` (the stack, as ORGANIZATION/PROJECT/STACK), `host`, `image`, `args`, and `kubeconfig` where the
mesh's stack exports none because it adopted its cluster.
"""

import json
from pathlib import Path

import jsonschema
import pulumi
import pulumi_kubernetes as kubernetes

NAME = "reports"
LABELS = {"app": NAME}

config = pulumi.Config()
host, image = config.require("host"), config.require("image")
arguments: list[str] = config.get_object("args") or []

mesh = pulumi.StackReference(config.require("mesh"))
public = mesh.require_output("gateways").apply(lambda gateways: gateways["public"])
# A contract with a version: a program that was written for another one stops here, and not in the middle of `up`.
schema = json.loads((Path(__file__).parents[2] / "docs" / "outputs.schema.json").read_text(encoding="utf-8"))
mesh.outputs.apply(lambda found: jsonschema.validate(dict(found), schema))

cluster = kubernetes.Provider(
    "cluster",
    kubeconfig=config.get("kubeconfig") or mesh.require_output("kubeconfig"),
    cluster_identifier=NAME,
    enable_server_side_apply=True,
)
on_cluster = pulumi.ResourceOptions(provider=cluster)

namespace = kubernetes.core.v1.Namespace(
    NAME,
    # The labels say which control plane injects sidecars; they change when the mesh's team upgrades Istio.
    metadata={"name": NAME, "labels": mesh.require_output("injection_labels")},
    opts=on_cluster,
)
inside = pulumi.ResourceOptions(provider=cluster, depends_on=[namespace])
metadata: kubernetes.meta.v1.ObjectMetaArgsDict = {"name": NAME, "namespace": NAME}

kubernetes.core.v1.ServiceAccount(NAME, metadata=metadata, opts=inside)
kubernetes.core.v1.Service(
    NAME,
    metadata=metadata,
    spec={"selector": LABELS, "ports": [{"name": "http", "port": 8080, "target_port": 8080}]},
    opts=inside,
)
# Nobody but the gateway reaches the pods: its identity is an output, so that no name is repeated here.
policy = kubernetes.apiextensions.CustomResource(
    f"{NAME}-from-gateway",
    api_version="security.istio.io/v1",
    kind="AuthorizationPolicy",
    metadata=metadata,
    spec={
        "selector": {"matchLabels": LABELS},
        "action": "ALLOW",
        "rules": [
            {
                "from": [{"source": {"principals": [public.apply(lambda gateway: gateway["principal"])]}}],
                "to": [{"operation": {"methods": ["GET"], "paths": ["/health"]}}],
            }
        ],
    },
    opts=inside,
)
kubernetes.apps.v1.Deployment(
    NAME,
    metadata=metadata,
    spec={
        "replicas": 1,
        "selector": {"match_labels": LABELS},
        "template": {
            "metadata": {"labels": LABELS},
            "spec": {
                "service_account_name": NAME,
                "automount_service_account_token": False,
                "security_context": {
                    "run_as_non_root": True,
                    "run_as_user": 10001,
                    "seccomp_profile": {"type": "RuntimeDefault"},
                },
                "containers": [
                    {
                        "name": "app",
                        "image": image,
                        "args": arguments,
                        "image_pull_policy": "IfNotPresent",
                        "ports": [{"name": "http", "container_port": 8080}],
                        "readiness_probe": {"http_get": {"path": "/health", "port": 8080}, "period_seconds": 2},
                        "resources": {
                            "requests": {"cpu": "20m", "memory": "64Mi"},
                            "limits": {"memory": "256Mi"},
                        },
                        "security_context": {
                            "allow_privilege_escalation": False,
                            "read_only_root_filesystem": True,
                            "capabilities": {"drop": ["ALL"]},
                        },
                    }
                ],
            },
        },
    },
    opts=pulumi.ResourceOptions(provider=cluster, depends_on=[namespace, policy]),
)
kubernetes.apiextensions.CustomResource(
    f"{NAME}-route",
    api_version="networking.istio.io/v1",
    kind="VirtualService",
    metadata=metadata,
    spec={
        "hosts": [host],
        "gateways": [public.apply(lambda gateway: gateway["gateway"])],
        "http": [
            {
                "match": [{"uri": {"exact": "/health"}, "method": {"exact": "GET"}}],
                "route": [{"destination": {"host": f"{NAME}.{NAME}.svc.cluster.local", "port": {"number": 8080}}}],
            }
        ],
    },
    opts=pulumi.ResourceOptions(provider=cluster, depends_on=[namespace, policy]),
)

pulumi.export("url", f"https://{host}/health")
pulumi.export("address", public.apply(lambda gateway: gateway["address"]))
