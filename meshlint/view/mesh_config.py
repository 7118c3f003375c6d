"""The settings of the whole mesh, wherever they are written."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from meshlint import schemas
from meshlint.schemas.conform import Misfit, conform
from meshlint.view.charts import Charts
from meshlint.view.fields import Json, text, value
from meshlint.view.yaml_text import yaml_mapping

if TYPE_CHECKING:
    from meshlint.finding import Path
    from meshlint.view.manifest import Manifest


@dataclass(slots=True)
class MeshConfig:
    """A MeshConfig and where it stands: in chart values, an IstioOperator, or istiod's ConfigMap."""

    obj: Manifest
    path: Path
    values: Json
    misfits: list[Misfit]

    def get(self, *keys: str) -> Any:
        """The value under nested keys; None where one is missing."""
        return value(self.values, *keys)


class MeshSettings(Charts):
    """What holds for the whole mesh, and where nobody has said so, by the environment."""

    @cached_property
    def mesh_configs(self) -> list[MeshConfig]:
        """Every MeshConfig, reduced to what istiod would keep of it."""
        schema = schemas.load("mesh_config")["MeshConfig"]
        found: list[MeshConfig] = []

        def add(obj: Manifest, path: Path, raw: object) -> None:
            if isinstance(raw, dict):
                misfits: list[Misfit] = []
                values = conform(_camel_case(cast("Json", raw), schema), schema, path, misfits)
                found.append(MeshConfig(obj, path, values or {}, misfits))

        for chart in self.charts_named("istiod"):
            add(chart.obj, (*chart.path, "meshConfig"), chart.values.get("meshConfig"))
        for operator in self.istio_operators:
            add(operator, ("spec", "meshConfig"), operator.spec.get("meshConfig"))
        for config_map in self.by_kind.get("ConfigMap", ()):
            if config_map.name == "istio" or config_map.name.startswith("istio-"):
                add(config_map, ("data", "mesh"), yaml_mapping(text(config_map.body, "data", "mesh")) or None)
        return found

    @cached_property
    def root_namespace(self) -> str:
        """The namespace whose policies hold for the whole mesh."""
        for config in self.mesh_configs:
            if config.get("rootNamespace"):
                return config.get("rootNamespace")
        return self.environment.root_namespace

    @cached_property
    def trust_domain(self) -> str:
        """What the names of identities begin with."""
        for config in self.mesh_configs:
            if config.get("trustDomain"):
                return config.get("trustDomain")
        return self.environment.trust_domain

    @cached_property
    def trust_domains(self) -> frozenset[str]:
        """The trust domain and the names that it is known by as well."""
        aliases = [alias for config in self.mesh_configs for alias in config.get("trustDomainAliases") or ()]
        return frozenset({self.trust_domain, "cluster.local", *aliases})

    @cached_property
    def registry_only(self) -> bool:
        """Whether proxies refuse hosts that the registry does not know."""
        return any(config.get("outboundTrafficPolicy", "mode") == "REGISTRY_ONLY" for config in self.mesh_configs)

    @cached_property
    def has_installation(self) -> bool:
        """Whether the objects show how Istio is installed, and so the settings of the whole mesh."""
        return bool(self.mesh_configs or self.charts_named("istiod"))


def _camel_case(raw: Json, schema: Json) -> Json:
    """MeshConfig may be written with the proto's own names (`access_log_file`)."""
    renamed: Json = {}
    for key, inner in raw.items():
        name = str(key)
        head, *rest = name.split("_")
        camel = head + "".join(part.capitalize() for part in rest)
        renamed[camel if name not in schema and camel in schema else name] = inner
    return renamed
