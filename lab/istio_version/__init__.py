"""The one version of Istio: which places name it, which of them lag, and how all of them change at once.

`python -m lab.istio_version`; docs/istio-version.md.
"""
