"""Runs the whole program under Pulumi's mocks, and keeps what it registered, as the engine would have been asked."""

from __future__ import annotations

import copy
import json
import runpy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.runtime import config, mocks, rpc
from pulumi.runtime import settings as settings_of_pulumi
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.stack import Stack

from tests.surroundings import ROOT, own_layer

PROJECT = "chatgpt-mesh"

Answers = Mapping[str, Mapping[str, Any] | str]
"""Google's answer to each function that the program may call; a text is a refusal."""


@dataclass(frozen=True, slots=True)
class Registered:
    """One resource, as the program asked for it."""

    type: str
    name: str
    urn: str
    parent: str
    provider: str
    inputs: Mapping[str, Any]
    dependencies: tuple[str, ...]
    ignore_changes: tuple[str, ...]
    before_update: tuple[str, ...]
    after_create: tuple[str, ...]
    after_update: tuple[str, ...]
    protect: bool


@dataclass(slots=True)
class Recorded:
    """Everything a run registered, in order, with its exports and what it logged."""

    resources: list[Registered] = field(default_factory=list[Registered])
    exports: Mapping[str, Any] = field(default_factory=dict[str, Any])
    error: str | None = None

    def named(self, name: str) -> Registered:
        (found,) = [resource for resource in self.resources if resource.name == name]
        return found

    def of_type(self, kind: str) -> list[Registered]:
        return [resource for resource in self.resources if resource.type == kind]

    def depends_on(self, resource: Registered) -> set[str]:
        """URNs of everything that is there before the resource, directly or through others, and goes after it.

        A resource is registered after its parent, and the engine deletes it before.
        """
        by_urn = {r.urn: r for r in self.resources}
        before: set[str] = set()
        waiting = [resource.parent, *resource.dependencies]
        while waiting:
            urn = waiting.pop()
            if urn not in before and urn in by_urn:
                before.add(urn)
                waiting += [by_urn[urn].parent, *by_urn[urn].dependencies]
        return before

    def deleted_in_rounds(self) -> list[set[str]]:
        """URNs in the rounds in which `pulumi destroy` deletes them: what nothing left depends on, then the next.

        As `ScheduleDeletes` of Pulumi's engine has it (pkg/resource/deploy/step_generator.go), last round first.
        """
        before = {r.urn: {r.parent, r.provider.rpartition("::")[0], *r.dependencies} for r in self.resources}
        left, rounds = {r.urn for r in self.resources}, list[set[str]]()
        while left:
            rounds.append({urn for urn in left if not before[urn] & left})
            left -= rounds[-1]
        return rounds[::-1]


class _Mocks(mocks.Mocks):
    """Answers as a cluster would: every resource has what it was asked to have."""

    def __init__(self, answers: Answers | None = None) -> None:
        self._answers = answers or {}

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        return f"{args.name}-id", {**args.inputs, **_outputs_of_google(args)}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        if args.token in self._answers:
            answer = self._answers[args.token]
            return ({}, [("", answer)]) if isinstance(answer, str) else (dict(answer), [])
        raise AssertionError(
            f"the program called {args.token}; a program that asks the cloud cannot be previewed offline"
        )


def _outputs_of_google(args: mocks.MockResourceArgs) -> dict[str, Any]:
    """What Google Cloud decides, for the few resources whose outputs others are made of."""
    link = f"https://www.googleapis.com/{args.name}"
    match args.typ:
        case "gcp:container/cluster:Cluster":
            endpoints = copy.deepcopy(args.inputs["controlPlaneEndpointsConfig"])
            endpoints["dnsEndpointConfig"]["endpoint"] = "gke-0123456789ab.us-central1.gke.goog"
            authority = {**args.inputs["masterAuth"], "clusterCaCertificate": "Q0VSVElGSUNBVEU="}
            private = {**args.inputs["privateClusterConfig"], "privateEndpoint": "10.8.16.2"}
            return {
                "selfLink": link,
                "endpoint": "203.0.113.9",
                "masterVersion": "1.35.2-gke.1000",
                "masterAuth": authority,
                "privateClusterConfig": private,
                "controlPlaneEndpointsConfig": endpoints,
            }
        case "gcp:container/nodePool:NodePool":
            return {"name": f"{args.name}-0123456", "version": "1.35.2-gke.1000", "instanceGroupUrls": [link]}
        case "gcp:compute/subnetwork:Subnetwork" | "gcp:compute/router:Router":
            return {"name": f"{args.name}-0123456"}
        case "gcp:compute/address:Address":
            return {"selfLink": link, "address": "203.0.113.7"}
        case "gcp:serviceaccount/account:Account":
            email = f"{args.inputs['accountId']}@project.iam.gserviceaccount.com"
            return {"email": email, "member": f"serviceAccount:{email}"}
        case _:
            return {}


class _RecordingMonitor(MockMonitor):
    def __init__(self, recorded: Recorded, answering: _Mocks) -> None:
        super().__init__(answering)
        self._recorded = recorded

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the engine's name
        response = super().RegisterResource(request)
        if request.type != "pulumi:pulumi:Stack":
            self._recorded.resources.append(
                Registered(
                    type=request.type,
                    name=request.name,
                    urn=response.urn,
                    parent=request.parent,
                    provider=request.provider or next(iter(request.providers.values()), ""),
                    inputs=rpc.deserialize_properties(request.object),
                    dependencies=tuple(sorted(request.dependencies)),
                    ignore_changes=tuple(request.ignoreChanges),
                    before_update=tuple(request.hooks.before_update),
                    after_create=tuple(request.hooks.after_create),
                    after_update=tuple(request.hooks.after_update),
                    protect=request.protect,
                )
            )
        return response


def run(
    stack: str,
    configuration: Mapping[str, Any] | None = None,
    *,
    secret: tuple[str, ...] = (),
    answers: Answers | None = None,
) -> Recorded:
    """The program for a stack of this repository, or for another configuration under its name.

    It runs as a preview, so that nothing is asked of a cluster. `secret` names the settings that hold a secret.
    """
    values = configuration if configuration is not None else own_layer(stack)
    given = {f"{PROJECT}:{name}": _handed_over(value) for name, value in values.items()}

    def program() -> None:
        config.set_all_config(given, _keys(secret))
        runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")

    return record(program, stack, answers=answers)


def record(
    program: Callable[[], object], stack: str, *, answers: Answers | None = None, into: Recorded | None = None
) -> Recorded:
    """Any program; what it returns is awaited. `into` is what to record into, for one that ends with an exception."""
    recorded = into or Recorded()
    settings_of_pulumi.ROOT.set(None)  # a new run has a new stack
    answering = _Mocks(answers)
    mocks.set_mocks(answering, PROJECT, stack, preview=True, monitor=_RecordingMonitor(recorded, answering))
    try:
        mocks.test(program)()
    except pulumi.RunError as error:
        recorded.error = str(error)
    root = settings_of_pulumi.get_root_resource()
    assert isinstance(root, Stack)
    recorded.exports = dict(root.outputs)
    return recorded


def _keys(names: tuple[str, ...]) -> list[str]:
    return [f"{PROJECT}:{name}" for name in names]


def _handed_over(value: Any) -> str:
    """A value as Pulumi's engine gives it to a program."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, (dict, list)) else str(value)
