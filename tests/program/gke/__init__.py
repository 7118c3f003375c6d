"""The GKE cluster that is registered: what Istio needs of it, what keeps it safe, and what reaches nobody.

The numbers P1 to P18 are pitfalls of Istio on GKE, each of which somebody has met; docs/gke.md tells them. Those that a
stack is refused for (ambient mode, Autopilot, Istio's floor, machine types) are in
tests/unit/components/test_gke_mistakes.py, those that charts answer in tests/lab/test_gke_charts.py.
"""
