"""Write the modules of `istio_api` and the tables of `meshlint`: `python -m istio_api.generate`."""

from __future__ import annotations

import argparse
from pathlib import Path

from chatgpt_mesh.istio_api.generate import chart_source, charts, istio_modules, message_source, messages, python_source
from chatgpt_mesh.istio_api.generate.linter_tables.documents import linter_files
from chatgpt_mesh.istio_api.generate.schema_walk import kind_of

PACKAGE = Path(__file__).resolve().parents[1]


def generated_files() -> dict[str, str]:
    """Every generated file, by its path below `istio_api/`."""
    api = istio_modules.module_directory("istio.io/api")
    version = f"istio.io/api {istio_modules.module_version('istio.io/api')}"
    protos = sorted(
        str(file.relative_to(api))
        for directories in messages.PACKAGES.values()
        for directory in directories
        for file in (api / directory).glob("*.proto")
    )
    descriptors = istio_modules.file_descriptors(protos, [api, api / "common-protos"])
    kinds = [kind_of(definition) for definition in istio_modules.custom_resource_definitions()]
    read = messages.catalogue(descriptors, kinds)
    rows = [(m.kind.name, m.kind.group, m.kind.served, m.module) for m in read.messages.values() if m.kind]
    files = chart_files() | {"kinds.py": python_source.kinds_source(version, rows)}
    for package in messages.PACKAGES:
        modules = {m: found for m, found in read.modules().items() if m.startswith(f"{package}.")}
        sources = {m: [message_source.definition(read, one) for one in found] for m, found in modules.items()}
        title = f"Istio's `{package}` messages, each loaded from its module at first use."
        files[f"{package}/__init__.py"] = python_source.package_source(title, version, sources)
        for module, found in modules.items():
            title = f"Messages of `{messages.proto_package(found)}`: {', '.join(messages.top_level(found))}."
            foreign = message_source.foreign_names(read, module, found)
            source = python_source.module_source(title, version, sources[module], foreign)
            files[f"{module.replace('.', '/')}.py"] = source
    return files


def chart_files() -> dict[str, str]:
    """The modules of `chart_values`."""
    version = f"istio.io/istio {istio_modules.module_version('istio.io/istio')}"
    modules: dict[str, list[python_source.Definition]] = {chart_source.SHARED_MODULE: list(chart_source.SHARED)}
    titles = {chart_source.SHARED_MODULE: "Kubernetes objects inside the values of Istio's Helm charts."}
    for chart in charts.CHARTS:
        module = f"chart_values.{chart.name}"
        modules[module] = chart_source.ChartClasses(chart).definitions
        titles[module] = f"Every value that Istio's Helm chart `{chart.name}` knows."
    home = {d.name: module for module, definitions in modules.items() for d in definitions}
    home["MeshConfig"] = "mesh_config.config"
    files = {
        f"{module.replace('.', '/')}.py": python_source.module_source(
            titles[module],
            version,
            definitions,
            {name: home[name] for name in python_source.foreign(definitions, home)},
        )
        for module, definitions in modules.items()
    }
    title = "The values of Istio's Helm charts, each class loaded from its module at first use."
    return files | {"chart_values/__init__.py": python_source.package_source(title, version, modules)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m istio_api.generate", description=__doc__)
    parser.parse_args()
    modules = {PACKAGE / path: source for path, source in generated_files().items()}
    tables = {istio_modules.REPOSITORY / path: source for path, source in linter_files().items()}
    for file, source in (modules | tables).items():
        file.parent.mkdir(exist_ok=True)
        file.write_text(source, encoding="utf-8")
        print(f"wrote {file} ({len(source)} characters)")


if __name__ == "__main__":
    main()
