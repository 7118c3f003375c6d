"""What a stack has of each thing that is paid for, in words of a table's cell; an empty text where it has none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Resource = Mapping[str, Any]
"""An entry of an inventory: `name`, `type`, `inputs`."""


def _number(value: float) -> str:
    return f"{value:g}"


def _inputs(resources: Sequence[Resource]) -> list[Mapping[str, Any]]:
    return [one["inputs"] for one in resources]


def _below(value: Any, *names: str) -> Iterator[Any]:
    """Every value that stands under one of these keys, however deep."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key in names:
                yield item
            yield from _below(item, *names)
    elif isinstance(value, list):
        for item in value:
            yield from _below(item, *names)


def clusters(found: Sequence[Resource]) -> str:
    return ", ".join(f"1, {one['releaseChannel']['channel'].lower()} channel" for one in _inputs(found))


def zones(found: Sequence[Resource]) -> str:
    return ", ".join(f"{len(one['nodeLocations'])} zones" for one in _inputs(found))


def _range(pool: Mapping[str, Any]) -> str:
    scale = pool["autoscaling"]
    return f"{_number(scale['totalMinNodeCount'])} to {_number(scale['totalMaxNodeCount'])}"


def nodes(pool: Mapping[str, Any]) -> str:
    node = pool["nodeConfig"]
    return f"{_range(pool)} of `{node['machineType']}`{', spot' if node['spot'] else ''}"


def boot_disks(pool: Mapping[str, Any]) -> str:
    disk = pool["nodeConfig"]["bootDisk"]
    return f"{_range(pool)} of {_number(disk['sizeGb'])} GB `{disk['diskType']}`"


def during_upgrades(pool: Mapping[str, Any]) -> str:
    settings = pool["upgradeSettings"]
    if settings["strategy"] == "BLUE_GREEN":
        return f"as many again, and for {settings['blueGreenSettings']['nodePoolSoakDuration']} after"
    return f"{_number(settings['maxSurge'])} more at a time"


def of_pool(name: str, told: Callable[[Mapping[str, Any]], str]) -> Callable[[Sequence[Resource]], str]:
    return lambda found: ", ".join(told(one["inputs"]) for one in found if one["name"] == name)


def volumes(found: Sequence[Resource]) -> str:
    claims = [claim for claim in _below(_inputs(found), "persistentVolume", "persistence") if claim.get("enabled")]
    return ", ".join(str(claim["size"]) for claim in claims)


def gateways(found: Sequence[Resource]) -> str:
    services = [chart["values"]["service"] for chart in _inputs(found) if chart.get("chart") == "gateway"]
    balanced = [one for one in services if one["type"] == "LoadBalancer"]
    inside = sum("Internal" in one.get("annotations", {}).values() for one in balanced)
    return f"{len(balanced) - inside} external, {inside} internal" if balanced else ""


def addresses(found: Sequence[Resource]) -> str:
    outside = [one for one in _inputs(found) if one["addressType"] == "EXTERNAL"]
    return f"{len(outside)} external, {len(found) - len(outside)} internal" if found else ""


def nat_gateways(found: Sequence[Resource]) -> str:
    return ", ".join(f"1, {len(one['natIps'])} of the addresses" for one in _inputs(found))


def nat_logs(found: Sequence[Resource]) -> str:
    logs = [one["logConfig"] for one in _inputs(found)]
    return ", ".join(f"`{log['filter']}`" for log in logs if log["enable"])


def flow_logs(found: Sequence[Resource]) -> str:
    logs = [one["logConfig"] for one in _inputs(found) if "logConfig" in one]
    return ", ".join(
        f"sampling {log['flowSampling']:g}, `{log['aggregationInterval']}`, `{log['metadata']}`" for log in logs
    )


def firewall_logs(found: Sequence[Resource]) -> str:
    logged = sum("logConfig" in one for one in _inputs(found))
    return f"{logged} {'rule' if logged == 1 else 'rules'}" if logged else ""


def logs(found: Sequence[Resource]) -> str:
    return ", ".join(f"`{kind}`" for one in _inputs(found) for kind in one["loggingConfig"]["enableComponents"])


def metrics(found: Sequence[Resource]) -> str:
    told: list[str] = []
    for config in (one["monitoringConfig"] for one in _inputs(found)):
        told += [f"`{kind}`" for kind in config["enableComponents"]]
        dataplane = config["advancedDatapathObservabilityConfig"]
        told += ["managed Prometheus"] if config["managedPrometheus"]["enabled"] else []
        told += ["dataplane metrics"] if dataplane["enableMetrics"] else []
        told += ["dataplane flows"] if dataplane["enableRelay"] else []
    return ", ".join(told)


def backups(found: Sequence[Resource]) -> str:
    return ", ".join(
        f"`{plan['backupSchedule']['cronSchedule']}`, kept {plan['retentionPolicy']['backupRetainDays']:g} days, "
        f"{'with' if plan['backupConfig']['includeVolumeData'] else 'without'} volumes"
        for plan in _inputs(found)
    )


def redis(found: Sequence[Resource]) -> str:
    return ", ".join(f"{_number(one['memorySizeGb'])} GB, {one['tier']}" for one in _inputs(found))


def keys(found: Sequence[Resource]) -> str:
    keys = set(_below(_inputs(found), "keyName", "gcpKmsEncryptionKey"))
    return f"{len(keys)} of yours" if keys else ""


def records(found: Sequence[Resource]) -> str:
    return f"{len(found)} in a zone of yours" if found else ""
