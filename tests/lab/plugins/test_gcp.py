"""The GCP stand-in under Pulumi's real engine: it plans, and refuses everything else."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.lab

PROGRAM = """
    import pulumi_gcp as gcp
    provider = gcp.Provider("gcp", project="a-project", region="europe-west1")
    cluster = gcp.container.Cluster("cluster", name="cluster", location="europe-west1", initial_node_count=1,
        resource_labels={"team": "TEAM"},
        master_auth={"client_certificate_config": {"issue_client_certificate": False}},
        opts=pulumi.ResourceOptions(provider=provider))
    for output in (cluster.endpoint, cluster.master_auth.cluster_ca_certificate, cluster.self_link):
        output.apply(lambda value: print("known:", value))
    cluster.name.apply(lambda value: print("name:", value))
    pulumi.export("endpoint", cluster.endpoint)
"""


def test_a_plan_echoes_inputs_and_leaves_the_rest_unknown(offline_project) -> None:
    planned = offline_project.preview(PROGRAM)
    assert planned.steps == {"cluster": "create"}
    assert "name: cluster" in planned.output
    assert "known:" not in planned.output
    assert "it plans only" in planned.output


def test_an_update_is_refused(offline_project) -> None:
    assert "cannot be created: this is the lab's stand-in" in offline_project.up(PROGRAM, fails=True).output


def test_a_function_that_needs_the_cloud_is_refused(offline_project) -> None:
    outcome = offline_project.preview(
        """
        import pulumi_gcp as gcp
        gcp.container.get_engine_versions_output(location="europe-west1", project="p")
        """,
        fails=True,
    )
    assert "needs Google Cloud" in outcome.output
