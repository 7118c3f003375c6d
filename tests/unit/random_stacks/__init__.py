"""Random stacks without mistakes, for tests that hold for every declaration.

`stacks()` draws a whole stack file's settings, `meshes()` the part of it that becomes Istio objects. Every field of
every spec occurs (`tests/unit/random_stacks/leaves.py` counts them), at the ends of its range too. One file per
concern:

| file | draws |
|---|---|
| `scalars.py` | single values |
| `gateways.py` | gateways, listeners, workloads |
| `certificates.py` | who signs listeners' certificates, and cert-manager |
| `apps.py` | apps as wholes |
| `access.py` | tokens, callers, limits: who may do what |
| `traffic.py` | routes, versions, resilience: where a request goes |
| `mesh_wide.py` | security, egress, objects by hand |
| `recording.py` | telemetry and observability |
| `google.py` | a cluster of Google's, and its network |
| `installation.py` | Istio and an existing cluster |
| `shared.py` | a cluster that other teams use |
| `other_cluster.py` | the other cluster of a mesh |
| `whole.py` | all of it together |
"""

from hypothesis import HealthCheck

from tests.unit.random_stacks.whole import meshes, stacks

__all__ = ["TAKES_LONG", "meshes", "stacks"]

TAKES_LONG = (
    HealthCheck.too_slow,
    HealthCheck.data_too_large,
    HealthCheck.filter_too_much,
    HealthCheck.large_base_example,
)
"""What drawing whole stacks is known for, and no test need hear of."""
