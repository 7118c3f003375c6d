"""The program: stack -> mesh -> lint -> components -> outputs. Nothing is registered before all of it is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from chatgpt_mesh.components import checked, definitions, key_sets, outputs, platform, provider
from chatgpt_mesh.components.cert_manager import CertManager
from chatgpt_mesh.components.foretelling import Foretelling
from chatgpt_mesh.components.gateways import Gateway, GatewayArgs
from chatgpt_mesh.components.istio import Istio, IstioArgs
from chatgpt_mesh.components.istio_needs import needs_of
from chatgpt_mesh.components.istio_objects import IstioObjects, IstioObjectsArgs
from chatgpt_mesh.components.mesh_config import mesh_config
from chatgpt_mesh.components.namespaces import namespace
from chatgpt_mesh.components.observability import Observability, ObservabilityArgs
from chatgpt_mesh.components.ordering import everything_of, milestone, together
from chatgpt_mesh.components.rate_limit import RateLimit, RateLimitArgs
from chatgpt_mesh.components.redis_access import declared_redis
from chatgpt_mesh.components.tenancy import tenancy
from chatgpt_mesh.components.verification import Verification
from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.specs import dates
from chatgpt_mesh.mesh.specs.problem import InvalidConfig
from chatgpt_mesh.stack import settings
from chatgpt_mesh.stack.collection import collect_seldom

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from chatgpt_mesh.components.provider import ConnectedCluster
    from chatgpt_mesh.mesh.specs.rate_limit import RateLimitServiceSpec


def main() -> None:
    collect_seldom()
    today = dates.today()
    loaded = settings.load(today)
    mesh = Mesh(loaded.settings, today)
    lint(loaded, mesh, today)
    register(loaded, mesh)


def lint(loaded: settings.Loaded, mesh: Mesh, today: date) -> None:
    """Raises InvalidConfig, with every mistake of the whole stack, or logs what is right today and will not be soon."""
    stack, secrets = loaded.settings, loaded.secrets
    charts = checked.charts_of(stack.istio, stack.cluster, mesh, mesh_config(mesh), stack.platform)
    injection = stack.istio.injects
    errors, warnings = checked.judged(mesh, charts, injection, accept=stack.accept, today=today)
    errors += provider.problems(stack.cluster)
    silent = key_sets.before_up(mesh)
    errors += silent if mesh.spec.security.unanswered_key_sets == "stop" else []
    if errors:
        raise InvalidConfig(secrets.redacted(error) for error in errors)
    for warning in (*mesh.warnings, *stack.warnings(today), *warnings, *silent):
        pulumi.log.warn(str(secrets.redacted(warning)))


def register(loaded: settings.Loaded, mesh: Mesh) -> None:
    stack, sealed = loaded.settings, loaded.secrets.sealed
    cluster = platform.connect(stack.cluster, stack.istio, mesh, stack.google_cloud, stack.cert_manager)
    on_cluster = pulumi.ResourceOptions(provider=cluster.provider)
    adopted = definitions.adopted_by(cluster.definitions)
    with_definitions = pulumi.ResourceOptions(provider=cluster.provider, transforms=[adopted])
    told = IstioArgs(spec=stack.istio, mesh_config=mesh_config(mesh), platform=cluster.platform, sealed=sealed)
    istio = Istio("istio", told, with_definitions)
    certificates = CertManager("cert-manager", stack.cert_manager, with_definitions) if stack.cert_manager else None
    injection = stack.istio.injects
    # After the control plane: a pod that starts before it would run without a sidecar.
    after_istio = pulumi.ResourceOptions(provider=cluster.provider, depends_on=istio.ready)
    namespaces = {
        declared.name: namespace(declared.name, injection=injection if declared.injected else None, opts=after_istio)
        for declared in mesh.namespaces
        if declared.name not in stack.existing_namespaces
    }
    tenancy(stack.namespaces, namespaces, on_cluster)
    gateways = {
        name: Gateway(
            name,
            GatewayArgs(
                spec=spec,
                values=checked.gateway_values_of(stack.istio, stack.cluster, mesh, name, cluster.platform),
                source=stack.istio.source(stack.istio.version),
                after=together(istio.ready, *(made for home, made in namespaces.items() if home == spec.home)),
                sealed=sealed,
            ),
            on_cluster,
        )
        for name, spec in mesh.gateways.items()
        if spec.existing is None
    }
    verification = Verification(cluster.access)
    charts = {f"gateways.{name}": everything_of([gateway.chart]) for name, gateway in gateways.items()}
    objects = IstioObjects(
        IstioObjectsArgs(
            objects=mesh.objects,
            routes_need=mesh.routes_need,
            namespaces=namespaces,
            after=milestone("mesh-is-served", together(istio.ready, *charts.values())),
            parents={f"gateways.{name}": gateway for name, gateway in gateways.items()},
            served_by=charts,
            certificates_after=certificates and certificates.ready,
            certificates_taken=certificates and verification.certificates_taken(),
            acknowledged=verification.acknowledged(),
            foretold=Foretelling(mesh).before_update(),
            sealed=sealed,
        ),
        on_cluster,
    )
    limited(mesh.spec.rate_limit_service, cluster, namespaces, objects, on_cluster)
    verification.after([*gateways.values(), *objects.registered.values()], revisions=stack.istio.installed_revisions)
    if stack.observability.kiali or stack.observability.grafana or stack.observability.alerts:
        seen = ObservabilityArgs(spec=stack.observability, mesh=mesh, accepted=stack.accept, after=istio.ready)
        Observability("observability", seen, on_cluster)
    needs = () if stack.istio.install else needs_of(mesh, injection, stack.platform, stack.existing_namespaces)
    outputs.export(
        outputs.outputs(stack.istio, mesh, injection, made=namespaces, needs=needs), gateways, cluster.outputs, sealed
    )


def limited(
    service: RateLimitServiceSpec | None,
    cluster: ConnectedCluster,
    namespaces: Mapping[str, pulumi.Resource],
    objects: IstioObjects,
    opts: pulumi.ResourceOptions,
) -> None:
    """The rate limit service, where this stack runs it."""
    deployment = service and service.deployment
    if service is None or deployment is None:
        return
    before = [namespaces[service.namespace]] if service.namespace in namespaces else []
    name = f"{service.service}-redis"
    if cluster.memorystore is not None:
        access = cluster.memorystore.access(name)
        own = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=list(before)))
        before.append(cluster.memorystore.secret(name, service.namespace, own))
    else:
        assert deployment.redis is not None, "refused by problems()"  # noqa: S101
        access = declared_redis(deployment.redis)
    RateLimit(
        "rate-limit-service",
        RateLimitArgs(
            service=service,
            deployment=deployment,
            redis=access,
            after=before,
            limits=objects.registered[f"ConfigMap/{service.namespace}/{service.service}-limits"],
        ),
        opts,
    )


if __name__ == "__main__":
    try:
        main()
    except InvalidConfig as mistakes:
        # Without a traceback: the sentences say where and how, and a traceback may show values.
        raise pulumi.RunError(str(mistakes)) from None
