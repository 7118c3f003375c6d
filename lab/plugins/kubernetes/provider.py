"""The provider: Pulumi's resource protocol over server-side apply."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Any

from google.protobuf import empty_pb2
from pulumi.runtime.proto import ResourceProviderServicer, plugin_pb2, provider_pb2

from lab.json_types import JsonObject, is_object, object_at
from lab.plugins.difference import (
    Change,
    differences,
    mark_identity,
    without_ignored,
)
from lab.plugins.kubernetes import settings as provider_settings
from lab.plugins.kubernetes.connection import Connection, KubernetesError, UnreachableClusterError
from lab.plugins.kubernetes.construct import CHART_TYPE, ChartConstructor
from lab.plugins.kubernetes.discovery import Discovery, KindNotServedError, Plan
from lab.plugins.kubernetes.manifest import (
    FIELD_MANAGER,
    checked,
    checkpoint,
    identity_of_token,
    parse_property_path,
    prepare_ignored,
)
from lab.plugins.kubernetes.objects import (
    DELETION_PROPAGATION,
    FORCE_FROM_ENVIRONMENT,
    PATCH_FIELD_MANAGER,
    PATCH_FORCE,
    SKIP_AWAIT,
    Identity,
    Objects,
    annotations_of,
    explain,
    live_inputs,
)
from lab.plugins.kubernetes.preview import PlannedWrite, Preview, already_exists
from lab.plugins.kubernetes.readiness import DEFAULT_TIMEOUT_SECONDS, Waiter
from lab.plugins.plugin import (
    EngineLog,
    InitializationError,
    PluginError,
    answers,
    configure_response,
    handshake_response,
)
from lab.plugins.wire import (
    contains_unknown,
    decode_struct,
    encode_struct,
    hide_like,
    property_path,
    reveal,
    secret_texts,
    without_nulls,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import grpc

STAND_IN = (
    "This is the lab's stand-in for pulumi-resource-kubernetes, not Pulumi's own plugin; "
    "docs/lab-plugins.md lists the differences."
)
REFUSED_TYPES = {
    "kubernetes:helm.sh/v3:Release": "use kubernetes:helm.sh/v4:Chart",
    "kubernetes:helm.sh/v3:Chart": "use kubernetes:helm.sh/v4:Chart",
    "kubernetes:yaml/v2:ConfigFile": "declare its objects one by one",
    "kubernetes:yaml/v2:ConfigGroup": "declare its objects one by one",
    "kubernetes:kustomize/v2:Directory": "render it with `kubectl kustomize` and declare its objects",
}
ESTABLISHING_SECONDS = 10.0


class KubernetesProvider(ResourceProviderServicer):
    """One instance of the provider; the engine starts a process for each."""

    def __init__(self, engine_address: str) -> None:
        self.log = EngineLog(engine_address)
        self.version = installed_version("pulumi-kubernetes")
        self.settings = provider_settings.ProviderSettings()
        self.plan = Plan()
        self.cancelled = threading.Event()
        self._set_up()

    def _set_up(self) -> None:
        quiet = self.settings.suppress_deprecation_warnings
        self.connection = Connection(self.settings.choice, (lambda _: None) if quiet else self.log.warning)
        self.discovery = Discovery(self.connection)
        self.objects = Objects(self.connection, self.discovery)
        self.waiter = Waiter(self.objects, self.cancelled)
        self.preview = Preview(self.objects, self.plan, self.log, self.settings.upsert)

    # The plugin itself

    @answers
    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        return handshake_response()

    @answers
    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        return plugin_pb2.PluginInfo(version=self.version)

    @answers
    def GetSchema(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        return provider_pb2.GetSchemaResponse(schema=json.dumps(provider_settings.schema(self.version)))

    @answers
    def Parameterize(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        raise PluginError(
            "CRD extensions are not in the lab's stand-in for Pulumi's Kubernetes plugin: use CustomResource."
        )

    @answers
    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        failures = provider_settings.check(reveal(decode_struct(request.news)))
        return provider_pb2.CheckResponse(
            inputs=request.news,
            failures=[provider_pb2.CheckFailure(property=key, reason=reason) for key, reason in failures.items()],
        )

    @answers
    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        old = reveal(decode_struct(request.old_inputs if request.HasField("old_inputs") else request.olds))
        new = reveal(decode_struct(request.news))
        changes = differences(without_nulls(old), without_nulls(new))
        return provider_pb2.DiffResponse(
            changes=_changed(changes),
            diffs=[str(change.path[0]) for change in changes],
            replaces=provider_settings.replaced_by(old, new),
        )

    @answers
    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        self.settings = provider_settings.ProviderSettings.of(reveal(decode_struct(request.args)))
        self._set_up()
        self.log.info(STAND_IN)
        return configure_response()

    @answers
    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        self.cancelled.set()
        return empty_pb2.Empty()

    @answers
    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        raise PluginError(f"The function {request.tok} is not in the lab's stand-in for Pulumi's Kubernetes plugin.")

    @answers
    def Construct(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        if request.type != CHART_TYPE:
            raise _not_offered(request.type)
        namespace = self.settings.default_namespace()
        constructor = ChartConstructor(self.connection, self.discovery, self.plan, self.log, namespace, self.version)
        return constructor.construct(request)

    # Resources

    @answers
    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        token = _token(request)
        if token in REFUSED_TYPES or _is_patch_or_list(token):
            raise _not_offered(token)
        news, olds = decode_struct(request.news), decode_struct(request.olds)
        identity = identity_of_token(token)
        inputs = checked(news, olds, identity, request.name or request.urn.split("::")[-1], request.randomSeed)
        self._default_namespace(inputs, reveal(olds))
        self.plan.record(reveal(inputs))
        if olds:
            self.plan.manages(Identity.of(reveal(olds)))
        return provider_pb2.CheckResponse(inputs=encode_struct(inputs))

    def _default_namespace(self, inputs: JsonObject, olds: JsonObject) -> None:
        metadata = inputs.get("metadata")
        if not is_object(metadata) or metadata.get("namespace"):
            return
        identity = Identity.of(reveal(inputs))
        try:
            served = self.discovery.find(identity.api_version, identity.kind)
        except UnreachableClusterError:
            if namespace := object_at(olds, "metadata").get("namespace"):
                metadata["namespace"] = namespace
            return
        namespaced = served.namespaced if served else self.plan.namespaced(identity.api_version, identity.kind)
        if namespaced:
            metadata["namespace"] = self.settings.default_namespace()

    @answers
    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        old = without_nulls(reveal(decode_struct(request.old_inputs)))
        news = decode_struct(request.news)
        new = without_nulls(reveal(news))
        # The engine has set them back where it decides an update, and not where it shows what a refresh has found.
        ignored = [parse_property_path(path) for path in request.ignoreChanges]
        changes = mark_identity(
            without_ignored(differences(old, new), ignored),
            new.get("kind", ""),
            config_map_mutable=self.settings.config_map_mutable,
            secret_mutable=self.settings.secret_mutable,
        )
        replaced = any(change.replaces for change in changes)
        if changes and not replaced and not contains_unknown(news):
            manager = decode_struct(request.olds).get(FIELD_MANAGER) or self._manager(new, request.urn)
            changes = self.preview.replacements(changes, new, manager)
        response = provider_pb2.DiffResponse(
            changes=_changed(changes),
            diffs=list(dict.fromkeys(str(change.path[0]) for change in changes)),
            replaces=list(dict.fromkeys(property_path(change.path) for change in changes if change.replaces)),
            # Two objects of one name cannot exist side by side.
            deleteBeforeReplace=Identity.of(old) == Identity.of(new),
            hasDetailedDiff=True,
        )
        for change in changes:
            kind = f"{change.kind}_REPLACE" if change.replaces else str(change.kind)
            entry = response.detailedDiff[property_path(change.path)]
            entry.kind = provider_pb2.PropertyDiff.Kind.Value(kind)
            entry.inputDiff = True
        return response

    @answers
    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        inputs = decode_struct(request.properties)
        manifest = without_nulls(reveal(inputs))
        manager = self._manager(manifest, request.urn)
        if request.preview:
            step = PlannedWrite(inputs, manifest, manager, self._force(manifest), request.urn)
            outputs = self.preview.outputs(step, existing=False)
            return provider_pb2.CreateResponse(properties=encode_struct(outputs))
        identity = Identity.of(manifest)
        self._await_kind(identity)
        if not self.settings.upsert and self.objects.get(identity) is not None:
            raise already_exists(identity)
        live = self._write(inputs, manifest, manager, request.urn, "created")
        live = self._await(live, inputs, manager, request)
        return provider_pb2.CreateResponse(
            id=identity.resource_id, properties=encode_struct(checkpoint(live, inputs, manager))
        )

    @answers
    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        inputs = decode_struct(request.news)
        manifest = without_nulls(reveal(inputs))
        identity = Identity.of(manifest)
        manager = decode_struct(request.olds).get(FIELD_MANAGER) or self._manager(manifest, request.urn)
        live = None
        try:
            live = None if contains_unknown(inputs) else self.objects.get(identity)
            prepare_ignored(manifest, live, list(request.ignoreChanges))
        except UnreachableClusterError as error:
            if self.settings.skip_update_unreachable:
                self.log.warning(f"{error} The update of {identity} is skipped.", request.urn)
                return provider_pb2.UpdateResponse(properties=request.olds)
            if not request.preview:
                raise
        if request.preview:
            step = PlannedWrite(inputs, manifest, manager, self._force(manifest), request.urn)
            outputs = self.preview.outputs(step, existing=True)
            return provider_pb2.UpdateResponse(properties=encode_struct(outputs))
        if live is not None:
            self.objects.take_over(live, manager)
        live = self._write(inputs, manifest, manager, request.urn, "updated")
        live = self._await(live, inputs, manager, request)
        return provider_pb2.UpdateResponse(properties=encode_struct(checkpoint(live, inputs, manager)))

    @answers
    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        inputs, state = decode_struct(request.inputs), decode_struct(request.properties)
        wanted = without_nulls(reveal(inputs))
        identity = Identity.of(wanted) if wanted else identity_of_token(_token(request), request.id)
        try:
            live = self.objects.get(identity)
        except UnreachableClusterError as error:
            if not self.settings.delete_unreachable:
                raise
            self.log.warning(f"{error} {identity} is dropped from the state.", request.urn)
            live = None
        if live is None:
            return provider_pb2.ReadResponse()
        manager = reveal(state).get(FIELD_MANAGER) or self._manager(wanted or live, request.urn)
        if not wanted:  # an import, or a read of an object that Pulumi does not manage
            found = {key: value for key, value in live.items() if key != "status"}
            found["metadata"] = {
                key: value
                for key, value in live["metadata"].items()
                if key in ("name", "namespace", "labels", "annotations", "finalizers", "ownerReferences")
            }
            inputs = checked(found, {}, identity, identity.name, b"")
        else:
            inputs = hide_like(self._live_inputs(wanted, live, manager), inputs)
        outputs = checkpoint(live, inputs, manager)
        state = self.waiter.readiness(live)
        if wanted and not state.ready and annotations_of(live).get(SKIP_AWAIT) != "true":
            raise InitializationError(
                identity.resource_id, inputs, outputs, [f"{identity} is not ready: {state.reason}"]
            )
        return provider_pb2.ReadResponse(
            id=identity.resource_id, inputs=encode_struct(inputs), properties=encode_struct(outputs)
        )

    def _live_inputs(self, wanted: JsonObject, live: JsonObject, manager: str) -> JsonObject:
        applied: JsonObject | None = None
        # Only where live and wanted differ is it worth asking what the API server would make of the wanted.
        if live_inputs(wanted, live) != wanted:
            try:
                applied = self.objects.apply(wanted, manager=manager, force=True, dry_run=True)
            except KubernetesError:
                applied = None
        return live_inputs(wanted, live, applied)

    @answers
    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        old = reveal(decode_struct(request.old_inputs)) or reveal(decode_struct(request.properties))
        identity = Identity.of(old)
        try:
            live = self.objects.get(identity)
            if live is not None:
                propagation = annotations_of(old).get(DELETION_PROPAGATION, "foreground").capitalize()
                self.objects.delete(identity, propagation=propagation)
                if annotations_of(old).get(SKIP_AWAIT) != "true":
                    timeout = request.timeout or DEFAULT_TIMEOUT_SECONDS
                    self.waiter.until_gone(identity, live["metadata"]["uid"], timeout, self._reporter(request.urn))
        except UnreachableClusterError as error:
            if not self.settings.delete_unreachable:
                raise
            self.log.warning(f"{error} {identity} is dropped from the state only.", request.urn)
        return empty_pb2.Empty()

    # Steps that several of them share

    def _manager(self, manifest: JsonObject, urn: str) -> str:
        """The field manager of one resource, so that two resources cannot silently overwrite one another."""
        chosen = annotations_of(manifest).get(PATCH_FIELD_MANAGER)
        return chosen or f"pulumi-kubernetes-{hashlib.sha256(urn.encode()).hexdigest()[:8]}"

    def _force(self, manifest: JsonObject) -> bool:
        # From the environment too, as in Pulumi's own plugin: `--target` leaves a provider's settings as they are.
        forced = self.settings.patch_force or os.environ.get(FORCE_FROM_ENVIRONMENT) == "true"
        return forced or annotations_of(manifest).get(PATCH_FORCE) == "true"

    def _write(self, inputs: JsonObject, manifest: JsonObject, manager: str, urn: str, action: str) -> JsonObject:
        try:
            return self.objects.apply(manifest, manager=manager, force=self._force(manifest))
        except KubernetesError as error:
            raise explain(Identity.of(manifest), action, error, secret_texts(inputs), urn) from error

    def _reporter(self, urn: str) -> Callable[[str], None]:
        return lambda message: self.log.status(message, urn)

    def _await(self, live: JsonObject, inputs: JsonObject, manager: str, request: Any) -> JsonObject:
        if live.get("kind") == "CustomResourceDefinition":
            self.discovery.changed()
        if annotations_of(live).get(SKIP_AWAIT) == "true":
            return live
        timeout = request.timeout or DEFAULT_TIMEOUT_SECONDS
        live, reasons = self.waiter.until_ready(live, timeout, self._reporter(request.urn))
        if reasons:
            identity = Identity.of(live)
            raise InitializationError(identity.resource_id, inputs, checkpoint(live, inputs, manager), reasons)
        if live.get("kind") == "CustomResourceDefinition":
            self.discovery.changed()
        return live

    def _await_kind(self, identity: Identity) -> None:
        """A kind whose CRD this run has just created, by whichever provider, may take a moment to be served."""
        deadline = time.monotonic() + ESTABLISHING_SECONDS
        while self.discovery.find(identity.api_version, identity.kind) is None:
            if time.monotonic() > deadline or self.cancelled.wait(0.1):
                raise KindNotServedError(identity.api_version, identity.kind)


def _not_offered(token: str) -> PluginError:
    advice = REFUSED_TYPES.get(token, "install the real plugin for it")
    return PluginError(f"{token} is not in the lab's stand-in for Pulumi's Kubernetes plugin: {advice}.")


def _is_patch_or_list(token: str) -> bool:
    """Whether it is one of the SDK's own `...Patch` and `...List` types; a custom kind may end so too."""
    group = token.split(":")[1].rpartition("/")[0]
    built_in = "." not in group or group.endswith(".k8s.io")
    return built_in and token.endswith(("Patch", "List"))


def _token(request: Any) -> str:
    return request.type or request.urn.split("::")[2].split("$")[-1]


def _changed(changes: list[Change]) -> Any:
    return provider_pb2.DiffResponse.DIFF_SOME if changes else provider_pb2.DiffResponse.DIFF_NONE
