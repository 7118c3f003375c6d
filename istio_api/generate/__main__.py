"""Write the generated modules of `istio_api`: `python -m istio_api.generate`."""

from __future__ import annotations

import argparse
from pathlib import Path

from istio_api.generate import istio_modules, messages, python_source
from istio_api.generate.schema_walk import kind_of

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
    files = {"kinds.py": python_source.kinds_source(read, version)}
    modules = read.modules()
    for package in messages.PACKAGES:
        own = {module: content for module, content in modules.items() if module.startswith(f"{package}.")}
        files[f"{package}/__init__.py"] = python_source.package_source(package, own, version)
        for module, content in own.items():
            files[f"{module.replace('.', '/')}.py"] = python_source.module_source(read, module, content, version)
    return files


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m istio_api.generate", description=__doc__)
    parser.parse_args()
    for path, source in generated_files().items():
        file = PACKAGE / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(source)
        print(f"wrote {file} ({source.count(chr(10))} lines)")


if __name__ == "__main__":
    main()
