"""Istio's API as typed Python objects, generated from its protobuf files.

One package per protobuf package: `networking`, `security`, `telemetry`, `extensions`, `type`, `mesh_config`, and the
values of Istio's Helm charts in `chart_values`. Generated files say so and are never edited:
`python -m istio_api.generate` writes them from the Go modules that `lab/toolchain/istio` pins, in the
versions of `version.py`.
"""
