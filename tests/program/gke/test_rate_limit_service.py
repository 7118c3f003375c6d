"""The rate limit service runs hardened where a stack says so, with a Redis of Google's that only its pods can use."""

from __future__ import annotations

from typing import Any

import pytest

from tests.program.gke.registered import registered, the
from tests.program.recorded_program import Recorded

pytestmark = pytest.mark.program

REDIS = "gcp:redis/instance:Instance"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"


def stack(**deployment: Any) -> Recorded:
    return registered({"rate_limit_service": {"deployment": deployment}})


def pod(recorded: Recorded) -> Any:
    return the(recorded, DEPLOYMENT).inputs["spec"]["template"]


def environment(recorded: Recorded) -> dict[str, Any]:
    (container,) = pod(recorded)["spec"]["containers"]
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in container["env"]}


class TestMemorystore:
    def test_it_wants_a_password_and_speaks_tls_in_this_network_alone(self) -> None:
        recorded = stack(memorystore={"memory_gb": 5, "range": "10.9.0.0/29"})
        instance = the(recorded, REDIS).inputs
        assert (instance["authEnabled"], instance["transitEncryptionMode"]) == (True, "SERVER_AUTHENTICATION")
        assert (instance["tier"], instance["memorySizeGb"], instance["redisVersion"]) == ("STANDARD_HA", 5, "REDIS_7_2")
        assert (instance["connectMode"], instance["reservedIpRange"]) == ("DIRECT_PEERING", "10.9.0.0/29")
        assert "authorizedNetwork" in instance
        assert recorded.named("api-redis").urn in recorded.depends_on(the(recorded, REDIS))

    def test_pods_have_its_password_and_its_ca_from_a_secret(self) -> None:
        recorded = stack(memorystore={})
        secret = recorded.named("Secret/ratelimit/ratelimit-redis")
        # Sealed as a whole, as Pulumi hands secrets over.
        assert set(secret.inputs["stringData"]["value"]) == {"password", "ca.crt"}
        found = environment(recorded)
        assert found["REDIS_AUTH"] == {"secretKeyRef": {"name": "ratelimit-redis", "key": "password"}}
        assert found["REDIS_TLS"] == "true"
        assert found["REDIS_TLS_CACERT"] == "/etc/redis-ca/ca.crt"
        assert secret.urn in recorded.depends_on(the(recorded, DEPLOYMENT))

    def test_none_is_made_where_a_redis_is_there(self) -> None:
        recorded = stack(redis={"host": "redis.data.svc.cluster.local"})
        assert not recorded.of_type(REDIS)
        assert environment(recorded)["REDIS_URL"] == "redis.data.svc.cluster.local:6379"


class TestPods:
    def test_run_without_rights_and_with_a_sidecar_that_leaves_redis_alone(self) -> None:
        template = pod(stack(redis={"host": "10.1.2.3", "port": 6380}))
        assert template["spec"]["automountServiceAccountToken"] is False
        assert template["spec"]["securityContext"]["runAsNonRoot"] is True
        (container,) = template["spec"]["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert template["metadata"]["annotations"]["traffic.sidecar.istio.io/excludeOutboundPorts"] == "6380"

    def test_start_when_their_limits_and_their_namespace_are_there(self) -> None:
        recorded = stack(redis={"host": "10.1.2.3"})
        before = recorded.depends_on(the(recorded, DEPLOYMENT))
        assert recorded.named("ConfigMap/ratelimit/ratelimit-limits").urn in before
        assert recorded.named("ratelimit").urn in before

    def test_two_of_them_survive_a_node(self) -> None:
        assert stack(redis={"host": "10.1.2.3"}).of_type("kubernetes:policy/v1:PodDisruptionBudget")
        assert not stack(redis={"host": "10.1.2.3"}, replicas=1).of_type("kubernetes:policy/v1:PodDisruptionBudget")

    def test_give_up_on_redis_before_the_gateway_gives_up_on_them(self) -> None:
        found = environment(stack(redis={"host": "10.1.2.3"}))
        assert found["REDIS_TIMEOUT"] == "0.200s"

    def test_are_not_asked_while_redis_is_away(self) -> None:
        """A question to a Redis that is not there never ends, and the gateway would wait with it."""
        recorded = stack(redis={"host": "10.1.2.3"})
        assert environment(recorded)["REDIS_HEALTH_CHECK_ACTIVE_CONNECTION"] == "true"
        (container,) = pod(recorded)["spec"]["containers"]
        assert container["readinessProbe"]["httpGet"]["path"] == "/healthcheck"

    def test_verify_a_redis_that_is_there(self) -> None:
        found = environment(stack(redis={"host": "r.example.com", "ca_secret": "ca", "password_secret": "pw"}))
        assert found["REDIS_TLS_CACERT"] == "/etc/redis-ca/ca.crt"
        assert "REDIS_TLS_SKIP_HOSTNAME_VERIFICATION" not in found
        assert found["REDIS_AUTH"] == {"secretKeyRef": {"name": "pw", "key": "password"}}


def test_nothing_runs_where_somebody_else_runs_it() -> None:
    assert not registered({"rate_limit_service": {}}).of_type(DEPLOYMENT)
