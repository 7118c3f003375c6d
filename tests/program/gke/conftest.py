"""A machine of the tests' own, and the small stack's cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.program.gke.registered import registered
from tests.program.recorded_program import Recorded
from tests.surroundings import surroundings


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_OAUTH_ACCESS_TOKEN", "CLOUDSDK_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    with surroundings(tmp_path / "machine"):
        yield


@pytest.fixture(scope="session")
def gke(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    with surroundings(tmp_path_factory.mktemp("gke") / "machine"):
        return registered()
