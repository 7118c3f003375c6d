"""The program: settings -> mesh -> checks -> components -> outputs. Nothing is registered before all of it is right."""

from __future__ import annotations

from datetime import UTC, datetime

import pulumi

from chatgpt_mesh.components import checked, outputs, platform, provider
from chatgpt_mesh.components.gateways import Gateway, GatewayArgs
from chatgpt_mesh.components.istio import Istio, IstioArgs
from chatgpt_mesh.components.istio_objects import IstioObjects, IstioObjectsArgs
from chatgpt_mesh.components.mesh_config import mesh_config
from chatgpt_mesh.components.namespaces import Injection, namespace
from chatgpt_mesh.components.observability import Observability, ObservabilityArgs
from chatgpt_mesh.components.ordering import everything_of, together
from chatgpt_mesh.components.tenancy import tenancy
from chatgpt_mesh.components.verification import Verification
from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.problem import InvalidConfig
from chatgpt_mesh.stack import settings


def main() -> None:
    today = datetime.now(tz=UTC).date()
    loaded = settings.load(today)
    stack, secrets = loaded.settings, loaded.secrets
    mesh = Mesh(stack.mesh(), today)
    config = mesh_config(mesh)
    charts = checked.charts_of(stack, mesh, config, stack.platform)
    errors, warnings = checked.judged(stack, mesh, charts, today)
    errors += provider.problems(stack.cluster)
    if errors:
        raise InvalidConfig(secrets.redacted(error) for error in errors)
    for warning in (*mesh.warnings, *stack.warnings(today), *warnings):
        pulumi.log.warn(str(secrets.redacted(warning)))

    cluster = platform.connect(stack, mesh)
    on_cluster = pulumi.ResourceOptions(provider=cluster.provider)
    istio = Istio(
        "istio",
        IstioArgs(spec=stack.istio, mesh_config=config, secrets=secrets, platform=cluster.platform),
        on_cluster,
    )
    injection = Injection(revision=stack.istio.injection)
    # After the control plane: a pod that starts before it would run without a sidecar.
    namespaces = {
        declared.name: namespace(
            declared.name,
            injection=injection if declared.injected else None,
            opts=pulumi.ResourceOptions(provider=cluster.provider, depends_on=istio.ready),
        )
        for declared in mesh.namespaces
    }
    tenancy(stack.namespaces, namespaces, on_cluster)
    gateways = {
        name: Gateway(
            name,
            GatewayArgs(
                spec=spec,
                values=checked.gateway_values_of(stack, mesh, name, cluster.platform),
                source=stack.istio.source(stack.istio.version),
                secrets=secrets,
                after=together(istio.ready, namespaces[spec.home]),
            ),
            on_cluster,
        )
        for name, spec in mesh.gateways.items()
    }
    verification = Verification(cluster.access, mesh.graph.istio_namespace)
    objects = IstioObjects(
        IstioObjectsArgs(
            objects=mesh.objects,
            namespaces=namespaces,
            after=together(istio.ready, everything_of([gateway.chart for gateway in gateways.values()])),
            parents={f"gateways.{name}": gateway for name, gateway in gateways.items()},
            secrets=secrets,
            acknowledged=verification.acknowledged(),
        ),
        on_cluster,
    )
    verification.after([*gateways.values(), *objects.registered.values()])
    if stack.observability.kiali or stack.observability.grafana:
        Observability(
            "observability",
            ObservabilityArgs(spec=stack.observability, mesh=mesh, after=istio.ready),
            on_cluster,
        )
    outputs.export(loaded, mesh, injection, gateways, cluster.outputs)


if __name__ == "__main__":
    try:
        main()
    except InvalidConfig as mistakes:
        # Without a traceback: the sentences say where and how, and a traceback may show values.
        raise pulumi.RunError(str(mistakes)) from None
