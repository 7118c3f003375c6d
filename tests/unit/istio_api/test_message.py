"""What a message accepts, keeps and writes."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatgpt_mesh.istio_api.extensions import TrafficExtension, TrafficExtension_ExecutionPhase, WasmPlugin
from chatgpt_mesh.istio_api.mesh_config import MeshConfig
from chatgpt_mesh.istio_api.message import InvalidMessage, Message, fields_of
from chatgpt_mesh.istio_api.networking import (
    ConnectionPoolSettings_TCPSettings,
    CorsPolicy,
    Destination,
    DestinationRule,
    EnvoyFilter_Patch,
    EnvoyFilter_Patch_Operation,
    HTTPMatchRequest,
    HTTPRetry,
    HTTPRoute,
    HTTPRouteDestination,
    OutlierDetection,
    Percent,
    PortSelector,
    ServerTLSSettings,
    ServerTLSSettings_TLSmode,
    StringMatch,
    Subset,
    TrafficPolicy,
    VirtualService,
)
from chatgpt_mesh.istio_api.security import (
    AuthorizationPolicy,
    AuthorizationPolicy_Action,
    PeerAuthentication,
    PeerAuthentication_MutualTLS,
    PeerAuthentication_MutualTLS_Mode,
    Rule,
)
from chatgpt_mesh.istio_api.telemetry import Tracing
from chatgpt_mesh.istio_api.type import PolicyTargetReference, WorkloadSelector


def unchecked(message: type[Message]) -> Callable[..., Message]:
    """The message as a program calls it that no type checker has read."""
    return message


class TestWhatIsWritten:
    def test_names_are_camel_case_and_unset_fields_are_left_out(self) -> None:
        route = HTTPRoute(
            match=[HTTPMatchRequest(uri=StringMatch(exact="/mcp"), ignore_uri_case=True)],
            route=[HTTPRouteDestination(destination=Destination(host="app", port=PortSelector(number=8080)))],
        )
        assert route.to_dict() == {
            "match": [{"uri": {"exact": "/mcp"}, "ignoreUriCase": True}],
            "route": [{"destination": {"host": "app", "port": {"number": 8080}}}],
        }

    @pytest.mark.parametrize(
        ("message", "written"),
        [
            (HTTPRouteDestination(destination=Destination(host="app"), weight=0), {"weight": 0}),
            (Tracing(disable_span_reporting=False), {"disableSpanReporting": False}),
            (Tracing(random_sampling_percentage=0.0), {"randomSamplingPercentage": 0}),
            (OutlierDetection(consecutive_5xx_errors=0), {"consecutive5xxErrors": 0}),
            (Destination(host="app", subset=""), {"subset": ""}),
            (HTTPRetry(attempts=0), {"attempts": 0}),
        ],
        ids=["0", "False, of a wrapper", "0.0, of a wrapper", "0, of a wrapper", "empty text", "0 retries"],
    )
    def test_a_set_field_is_written_whatever_its_value(self, message: Any, written: dict[str, Any]) -> None:
        assert written.items() <= message.to_dict().items()

    def test_an_empty_message_is_written(self) -> None:
        assert HTTPRoute(cors_policy=CorsPolicy()).to_dict() == {"corsPolicy": {}}

    def test_a_rule_that_allows_all_differs_from_no_rule(self) -> None:
        assert AuthorizationPolicy().to_dict() == {}
        assert AuthorizationPolicy(rules=[Rule()]).to_dict() == {"rules": [{}]}

    def test_empty_lists_and_maps_are_left_out(self) -> None:
        assert Subset(name="v1", labels={}).to_dict() == {"name": "v1"}
        assert HTTPRoute(match=[]).to_dict() == {}

    @pytest.mark.parametrize(
        ("duration", "written"),
        [
            (timedelta(minutes=10), "600s"),
            (timedelta(milliseconds=250), "0.25s"),
            (timedelta(), "0s"),
            (timedelta(days=1, microseconds=1), "86400.000001s"),
            (timedelta(seconds=-1.5), "-1.5s"),
        ],
    )
    def test_durations_are_written_in_seconds(self, duration: timedelta, written: str) -> None:
        assert HTTPRoute(timeout=duration).to_dict() == {"timeout": written}

    def test_enums_are_written_by_name(self) -> None:
        assert ServerTLSSettings(mode=ServerTLSSettings_TLSmode.ISTIO_MUTUAL).to_dict() == {"mode": "ISTIO_MUTUAL"}
        assert AuthorizationPolicy(action=AuthorizationPolicy_Action.ALLOW).to_dict() == {"action": "ALLOW"}

    def test_keys_of_a_map_are_text_in_json(self) -> None:
        mtls = PeerAuthentication_MutualTLS(mode=PeerAuthentication_MutualTLS_Mode.STRICT)
        policy = PeerAuthentication(
            selector=WorkloadSelector(match_labels={"app": "app"}), port_level_mtls={8080: mtls}
        )
        assert policy.to_dict()["portLevelMtls"] == {"8080": {"mode": "STRICT"}}

    def test_free_form_fields_are_written_as_given(self) -> None:
        value = {
            "name": "envoy.filters.http.lua",
            "typed_config": {"list": [1, 2.5, None, {"deep": True}], "empty": {}},
        }
        patch = EnvoyFilter_Patch(operation=EnvoyFilter_Patch_Operation.INSERT_BEFORE, value=value)
        assert patch.to_dict() == {"operation": "INSERT_BEFORE", "value": value}
        assert WasmPlugin(url="oci://x", plugin_config={}).to_dict() == {"url": "oci://x", "pluginConfig": {}}

    def test_names_that_python_claims_end_in_an_underscore(self) -> None:
        assert [f.json_name for f in fields_of(Rule)] == ["from", "to", "when"]
        assert [f.name for f in fields_of(Rule)] == ["from_", "to", "when"]

    def test_acronyms_are_written_as_istio_spells_them(self) -> None:
        assert "meshMTLS" in {f.json_name for f in fields_of(MeshConfig)}

    def test_whole_numbers_have_no_fraction(self) -> None:
        written = Percent(value=5.0).to_dict()["value"]
        assert (written, type(written)) == (5, int)
        assert Percent(value=0.5).to_dict() == {"value": 0.5}

    def test_the_result_is_the_callers_own(self) -> None:
        patch = EnvoyFilter_Patch(value={"list": [1]})
        patch.to_dict()["value"]["list"].append(2)
        assert patch.to_dict() == {"value": {"list": [1]}}


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("build", "sentence"),
        [
            (
                lambda: StringMatch(exact="/a", prefix="/b"),
                "StringMatch: at most one of exact, prefix, regex may be set (given: exact, prefix)",
            ),
            (
                lambda: AuthorizationPolicy(selector=WorkloadSelector(), target_refs=[_target()]),
                "AuthorizationPolicy: at most one of selector, target_ref, target_refs may be set "
                "(given: selector, target_refs)",
            ),
            (lambda: unchecked(Destination)(), "Destination: host is required and must not be empty"),
            (lambda: Destination(host=""), "Destination: host is required and must not be empty"),
            (
                lambda: unchecked(HTTPRoute)(timeot=1),
                "HTTPRoute.timeot: unknown field of HTTPRoute; did you mean timeout?",
            ),
            (
                lambda: unchecked(HTTPRoute)(timeout="10s"),
                "HTTPRoute.timeout: must be a datetime.timedelta (given: '10s')",
            ),
            (lambda: unchecked(HTTPRoute)(match="all"), "HTTPRoute.match: must be a list (given: 'all')"),
            (lambda: unchecked(HTTPRoute)(match=[{}]), "HTTPRoute.match[0]: must be a HTTPMatchRequest (given: {})"),
            (lambda: unchecked(Subset)(name="v1", labels=["v1"]), "Subset.labels: must be a mapping (given: ['v1'])"),
            (lambda: unchecked(Subset)(name="v1", labels={"v": 1}), "Subset.labels.v: must be a string (given: 1)"),
            (lambda: unchecked(Subset)(name=None), "Subset.name: must be a string (given: None)"),
            (lambda: PortSelector(number=-1), "PortSelector.number: must be between 0 and 4294967295 (given: -1)"),
            (lambda: PortSelector(number=True), "PortSelector.number: must be a whole number (given: True)"),
            (lambda: Percent(value=float("nan")), "Percent.value: must be a number (given: nan)"),
            (
                lambda: unchecked(Tracing)(disable_span_reporting=0),
                "Tracing.disable_span_reporting: must be true or false (given: 0)",
            ),
            (
                lambda: unchecked(TrafficExtension)(phase="AUTHN"),
                "TrafficExtension.phase: must be a TrafficExtension_ExecutionPhase: "
                + f"{', '.join(TrafficExtension_ExecutionPhase)} (given: 'AUTHN')",
            ),
            (
                lambda: EnvoyFilter_Patch(value={"at": timedelta()}),
                "EnvoyFilter_Patch.value.at: must be plain JSON data (given: datetime.timedelta(0))",
            ),
            (lambda: unchecked(EnvoyFilter_Patch)(value=[]), "EnvoyFilter_Patch.value: must be a mapping (given: [])"),
        ],
    )
    def test_with_a_sentence(self, build: Any, sentence: str) -> None:
        with pytest.raises(InvalidMessage) as refused:
            build()
        assert sentence in refused.value.problems

    def test_all_mistakes_at_once(self) -> None:
        wrong: dict[str, Any] = {"exact": 1, "prefix": "/", "sufix": ""}
        with pytest.raises(ValueError, match="must be a string") as refused:
            StringMatch(**wrong)
        assert str(refused.value).splitlines() == [
            "StringMatch.exact: must be a string (given: 1)",
            "StringMatch.sufix: unknown field of StringMatch; known fields: exact, prefix, regex",
            "StringMatch: at most one of exact, prefix, regex may be set (given: exact, prefix)",
        ]

    def test_an_empty_list_is_no_choice_in_a_oneof(self) -> None:
        assert AuthorizationPolicy(selector=WorkloadSelector(), target_refs=[]).to_dict() == {"selector": {}}


class TestImmutability:
    def test_fields_cannot_be_assigned_or_deleted(self) -> None:
        destination: Any = Destination(host="app")
        with pytest.raises(dataclasses.FrozenInstanceError):
            destination.host = "other"
        with pytest.raises(dataclasses.FrozenInstanceError):
            del destination.host
        with pytest.raises(AttributeError):
            destination.unheard_of = 1

    def test_what_was_passed_in_is_copied(self) -> None:
        labels, hosts, value = {"version": "v1"}, ["app"], {"list": [1]}
        subset, service, patch = (
            Subset(name="v1", labels=labels),
            VirtualService(hosts=hosts),
            EnvoyFilter_Patch(value=value),
        )
        labels["version"], value["list"] = "v2", []
        hosts.append("other")
        assert subset.labels == {"version": "v1"}
        assert service.hosts == ("app",)
        assert patch.to_dict() == {"value": {"list": [1]}}

    def test_messages_compare_by_value_and_are_hashable(self) -> None:
        assert Subset(name="v1", labels={"a": "b"}) == Subset(name="v1", labels={"a": "b"})
        assert Subset(name="v1") != Subset(name="v2")
        assert len({Subset(name="v1", labels={"a": "b"}), Subset(name="v1", labels={"a": "b"})}) == 1
        assert len({EnvoyFilter_Patch(value={"a": [1, {}]}), EnvoyFilter_Patch(value={"a": [1, {}]})}) == 1

    def test_messages_of_different_types_differ(self) -> None:
        assert HTTPRoute() != CorsPolicy()

    def test_a_message_is_a_dataclass(self) -> None:
        moved = dataclasses.replace(Destination(host="app", subset="v1"), subset="v2")
        assert moved == Destination(host="app", subset="v2")
        with pytest.raises(InvalidMessage):
            dataclasses.replace(moved, host="")

    def test_copies_and_pickles(self) -> None:
        rule = DestinationRule(host="app", subsets=[Subset(name="v1", labels={"version": "v1"})])
        assert copy.deepcopy(rule) is rule
        assert pickle.loads(pickle.dumps(rule)) == rule  # noqa: S301 - our own bytes

    def test_repr_is_the_call_that_makes_it(self) -> None:
        rule = DestinationRule(host="app", traffic_policy=TrafficPolicy())
        assert repr(rule) == "DestinationRule(host='app', traffic_policy=TrafficPolicy())"


class TestReading:
    @pytest.mark.parametrize(
        ("text", "duration"),
        [
            ("1m", timedelta(minutes=1)),
            ("1h30m", timedelta(hours=1.5)),
            ("0.5s", timedelta(milliseconds=500)),
            (".5s", timedelta(milliseconds=500)),
            ("10ms", timedelta(milliseconds=10)),
            ("100us", timedelta(microseconds=100)),
            ("0", timedelta()),
            ("-1.5s", timedelta(seconds=-1.5)),
        ],
    )
    def test_durations_as_go_writes_them(self, text: str, duration: timedelta) -> None:
        assert HTTPRoute.from_dict({"timeout": text}).timeout == duration

    @pytest.mark.parametrize("text", ["", "10", "1d", "s", "1 s", "10S", 10, None.__class__])
    def test_anything_else_is_no_duration(self, text: Any) -> None:
        with pytest.raises(InvalidMessage, match="timeout: must be a duration"):
            HTTPRoute.from_dict({"timeout": text})

    def test_finer_than_a_microsecond_is_refused_not_rounded(self) -> None:
        with pytest.raises(InvalidMessage, match="kept to the microsecond"):
            ConnectionPoolSettings_TCPSettings.from_dict({"connectTimeout": "1ns"})

    def test_longer_than_python_can_tell_is_refused(self) -> None:
        with pytest.raises(InvalidMessage, match="longer than any timedelta"):
            HTTPRoute.from_dict({"timeout": "99999999999999h"})

    @given(st.timedeltas())
    def test_every_written_duration_reads_back(self, duration: timedelta) -> None:
        assert HTTPRoute.from_dict(HTTPRoute(timeout=duration).to_dict()).timeout == duration

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
        )
    )
    def test_free_form_json_reads_back(self, value: Any) -> None:
        written = EnvoyFilter_Patch(value={"value": value}).to_dict()
        assert written == {"value": {"value": value}}
        assert EnvoyFilter_Patch.from_dict(written).to_dict() == written

    def test_null_is_an_unset_field(self) -> None:
        assert HTTPRoute.from_dict({"timeout": None, "match": None}) == HTTPRoute()

    def test_every_mistake_is_told_with_its_path(self) -> None:
        with pytest.raises(InvalidMessage) as refused:
            VirtualService.from_dict(
                {
                    "hosts": "app",
                    "corsPolicy": {},
                    "http": [
                        {"timeout": "soon", "route": [{"weight": "5", "destination": {"port": {"number": 80}}}]},
                        {"match": [{"uri": {"exact": "/", "prefix": "/"}, "headers": {"x": {"exakt": "1"}}}]},
                    ],
                }
            )
        assert refused.value.problems == (
            "hosts: must be a list (given: 'app')",
            f"corsPolicy: unknown field of VirtualService; known fields: {', '.join(sorted(_json_names()))}",
            'http[0].timeout: must be a duration such as "10s" or "1h30m" (given: \'soon\')',
            "http[0].route[0].weight: must be a whole number (given: '5')",
            "http[0].route[0].destination: host is required and must not be empty",
            "http[1].match[0].uri: at most one of exact, prefix, regex may be set (given: exact, prefix)",
            "http[1].match[0].headers.x.exakt: unknown field of StringMatch; did you mean exact?",
        )

    def test_unknown_enum_values_list_the_known_ones(self) -> None:
        with pytest.raises(InvalidMessage, match=r"mode: must be one of PASSTHROUGH, SIMPLE, .*given: 'NONE'"):
            ServerTLSSettings.from_dict({"mode": "NONE"})

    def test_a_field_cannot_be_given_under_both_of_its_names(self) -> None:
        with pytest.raises(InvalidMessage, match="mirror_percent: the same field as 'mirrorPercent'"):
            HTTPRoute.from_dict({"mirrorPercent": 1, "mirror_percent": 1})
        assert HTTPRoute.from_dict({"mirror_percent": 1}).to_dict() == {"mirrorPercent": 1}


def _target() -> PolicyTargetReference:
    return PolicyTargetReference(kind="Service", name="app")


def _json_names() -> list[str]:
    return [field.json_name for field in fields_of(VirtualService)]
