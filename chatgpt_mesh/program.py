"""The program of a stack: stack -> mesh -> lint -> components -> outputs. Nothing is registered before all is right.

A project's `__main__.py` calls `run`, in this repository and wherever the wheel is installed.
"""

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
    from collections.abc import Iterable
    from datetime import date

    from chatgpt_mesh.mesh.specs.problem import Problem
    from chatgpt_mesh.stack.secret_texts import SecretTexts


def run() -> None:
    """Registers the stack that Pulumi's engine runs.

    Raises:
        pulumi.RunError: with every mistake of the stack; nothing has been registered then.
    """
    try:
        main()
    except InvalidConfig as mistakes:
        # Without a traceback: the sentences say where and how, and a traceback may show values.
        raise pulumi.RunError(str(mistakes)) from None


def main() -> None:
    collect_seldom()
    today = dates.today()
    loaded = settings.load(today)
    mesh = judged(loaded.settings, loaded.secrets, today, provider.problems(loaded.settings.cluster))
    register(loaded, mesh)


def judged(stack: settings.Settings, hidden: SecretTexts, today: date, found: Iterable[Problem] = ()) -> Mesh:
    """What settings stand for, once every check has passed. What is right today and will not be soon goes to Pulumi's
    log.

    Args:
        stack: Settings without a mistake of their own.
        hidden: Texts in them that are shown nowhere.
        today: Dated exceptions end after their day.
        found: Mistakes that were seen beside these checks.

    Raises:
        InvalidConfig: with every mistake; nothing has been registered then.
    """
    try:
        mesh = Mesh(stack, today)
    except InvalidConfig as mistakes:
        raise InvalidConfig(map(hidden.redacted, mistakes.problems)) from None
    charts = checked.charts_of(stack.istio, stack.cluster, mesh, mesh_config(mesh), stack.platform)
    errors, warnings = checked.judged(mesh, charts, stack.istio.injects, accept=stack.accept, today=today)
    silent = key_sets.before_up(mesh)
    errors += [*found, *(silent if mesh.spec.security.unanswered_key_sets == "stop" else ())]
    if errors:
        raise InvalidConfig(map(hidden.redacted, errors))
    for warning in (*mesh.warnings, *stack.warnings(today), *warnings, *silent):
        pulumi.log.warn(str(hidden.redacted(warning)))
    return mesh


def register(loaded: settings.Loaded, mesh: Mesh) -> None:
    stack, sealed = loaded.settings, loaded.secrets.sealed
    cluster = platform.connect(stack.cluster, stack.istio, mesh, stack.google_cloud, stack.cert_manager)
    # Whether every proxy has taken a change is asked of istiod, which a team has no right to reach.
    verification = Verification(cluster.access) if stack.granted_by is None else None
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
            api_server=cluster.api_server,
            memorystore=cluster.memorystore,
            certificates_taken=verification.certificates_taken() if verification and stack.cert_manager else None,
            acknowledged=verification and verification.acknowledged(),
            foretold=Foretelling(mesh).before_update(),
        ),
        pulumi.ResourceOptions(provider=cluster.provider),
        definitions.adopted_by(cluster.definitions),
    )
    registered = [*made.gateways.values(), *made.objects.registered.values()]
    if verification is not None:
        verification.after(registered, revisions=stack.istio.installed_revisions)
    made.observed()
    outputs.export(made.outputs(), made.gateways, cluster.outputs, sealed)
