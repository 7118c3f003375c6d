"""What a declaration of the rate limit service and its Redis is refused for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.components.gke_stack import load, sentences

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.unit

WHERE = "rate_limit_service.deployment"
HERE = {"redis": {"host": "10.1.2.3"}}


@pytest.mark.parametrize(
    ("deployment", "beginning"),
    [
        ({}, ": needs exactly one of redis (one that is there) and memorystore (one that is made on GKE)"),
        ({**HERE, "memorystore": {}}, ": needs exactly one of redis"),
        ({"redis": {"host": "redis://10.1.2.3"}}, ".redis.host: must be the name or address of a server, without"),
        ({"redis": {"host": "10.1.2"}}, ".redis.host: is no address"),
        ({"redis": {"host": "a", "tls": False, "ca_secret": "ca"}}, ".redis.ca_secret: is for TLS, which redis.tls"),
        ({**HERE, "image": "envoyproxy"}, ".image: must be an image with its registry"),
        ({**HERE, "image": "docker.io/envoyproxy/ratelimit"}, ".image: has no tag and no digest"),
        ({**HERE, "replicas": 0}, ".replicas: "),
        ({**HERE, "resources": {"memory": "1Gi"}}, ".resources.memory_limit: "),
        ({"memorystore": {"range": "10.9.0.0/28"}}, ".memorystore.range: must be a range of /29"),
        ({"memorystore": {"range": "10.8.0.0/29"}}, ".memorystore.range: overlaps network.services, 10.8.0.0/20"),
        ({"memorystore": {"memory_gb": 301}}, ".memorystore.memory_gb: "),
    ],
)
def test_mistakes_are_told(tmp_path: Path, deployment: dict[str, Any], beginning: str) -> None:
    (told,) = sentences(tmp_path, {"rate_limit_service": {"deployment": deployment}})
    assert told.startswith(f"{WHERE}{beginning}"), told


def test_a_memorystore_is_made_with_the_cluster_alone(tmp_path: Path) -> None:
    (told,) = sentences(
        tmp_path,
        {
            "cluster": {"kind": "existing"},
            "project": None,
            "network": None,
            "rate_limit_service": {"deployment": {"memorystore": {}}},
        },
    )
    assert told == (
        f"{WHERE}.memorystore: is made in the network of a cluster that this stack makes (cluster.kind gke); name a "
        "Redis that is there in redis"
    )


def test_both_are_sound(tmp_path: Path) -> None:
    for deployment in (HERE, {"memorystore": {"range": "10.9.0.0/29"}}):
        assert load(tmp_path, {"rate_limit_service": {"deployment": deployment}}).rate_limit_service is not None
