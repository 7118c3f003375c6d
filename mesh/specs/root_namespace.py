"""Istio's root namespace: what is written there holds for the whole mesh.

A constant and no setting: base and istiod are installed there, MeshConfig's `rootNamespace` is not set apart from it,
and a STRICT policy anywhere else would be read by nobody.
https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig
"""

from __future__ import annotations

ROOT_NAMESPACE = "istio-system"
