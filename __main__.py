"""The program: stack -> mesh -> lint -> components -> outputs. Nothing is registered before all of it is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from chatgpt_mesh.components import checked, definitions, key_sets, outputs, platform, provider
from chatgpt_mesh.components.foretelling import Foretelling
from chatgpt_mesh.components.mesh_config import mesh_config
from chatgpt_mesh.components.mesh_on_cluster import MeshOnCluster, MeshOnClusterArgs
from chatgpt_mesh.components.verification import Verification
from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.specs import dates
from chatgpt_mesh.mesh.specs.problem import InvalidConfig
from chatgpt_mesh.stack import settings
from chatgpt_mesh.stack.collection import collect_seldom

if TYPE_CHECKING:
    from datetime import date


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
    verification = Verification(cluster.access)
    made = MeshOnCluster(
        MeshOnClusterArgs(
            mesh=mesh,
            istio=stack.istio,
            cluster=stack.cluster,
            platform=cluster.platform,
            namespaces=stack.namespaces,
            cert_manager=stack.cert_manager,
            observability=stack.observability,
            accept=stack.accept,
            sealed=sealed,
            memorystore=cluster.memorystore,
            certificates_taken=verification.certificates_taken() if stack.cert_manager else None,
            acknowledged=verification.acknowledged(),
            foretold=Foretelling(mesh).before_update(),
        ),
        pulumi.ResourceOptions(provider=cluster.provider),
        definitions.adopted_by(cluster.definitions),
    )
    registered = [*made.gateways.values(), *made.objects.registered.values()]
    verification.after(registered, revisions=stack.istio.installed_revisions)
    made.observed()
    outputs.export(made.outputs(), made.gateways, cluster.outputs, sealed)


if __name__ == "__main__":
    try:
        main()
    except InvalidConfig as mistakes:
        # Without a traceback: the sentences say where and how, and a traceback may show values.
        raise pulumi.RunError(str(mistakes)) from None
