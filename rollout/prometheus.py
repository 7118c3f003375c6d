"""Prometheus's HTTP API: https://prometheus.io/docs/prometheus/latest/querying/api/"""

from __future__ import annotations

import json
import math
import os
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

TOKEN = "PROMETHEUS_TOKEN"  # noqa: S105 - the name of a variable
"""Environment variable with a bearer token, where Prometheus asks for one."""

_TIMEOUT_SECONDS = 30.0


class PrometheusAwayError(Exception):
    """Nobody answers, or not as Prometheus does; asking again may help."""


class QueryRefusedError(Exception):
    """Prometheus does not take the expression, or its answer is not one number."""


class Prometheus:
    """One that answers over HTTP, as Thanos, Mimir and Google's frontend do as well."""

    def __init__(self, url: str) -> None:
        """ValueError unless `url` is one of http or https."""
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise ValueError(f"{url}: is not the URL of a Prometheus, such as http://localhost:9090")
        self._url = f"{url.rstrip('/')}/api/v1/query"

    def number(self, query: str) -> float | None:
        """What an expression gives now; None where it gives nothing, or NaN.

        Raises:
            PrometheusAwayError: no answer.
            QueryRefusedError: with Prometheus's own words.
        """
        answer = self._ask(query)
        if answer.get("status") != "success":
            raise QueryRefusedError(f"{answer.get('error', answer)}: {query}")
        kind, result = answer["data"]["resultType"], answer["data"]["result"]
        if kind == "scalar":
            return _number(result[1])
        if kind != "vector" or len(result) > 1:
            found = f"{len(result)} series" if kind == "vector" else f"a {kind}"
            raise QueryRefusedError(f"gives {found} where one number is needed; aggregate it: {query}")
        return _number(result[0]["value"][1]) if result else None

    def _ask(self, query: str) -> dict[str, Any]:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        if token := os.environ.get(TOKEN):
            headers["authorization"] = f"Bearer {token}"
        # POST, since a query may be longer than a proxy lets an address be.
        request = Request(self._url, urlencode({"query": query}).encode(), headers)  # noqa: S310 - see __init__
        try:
            with urlopen(request, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310
                return json.load(response)
        except HTTPError as error:
            # 400 and 422 carry the reason as JSON; a 502 of something before Prometheus does not.
            if error.code in (400, 422):
                return json.load(error)
            raise PrometheusAwayError(f"{self._url} answers {error.code}") from None
        except (OSError, ValueError, HTTPException) as error:
            raise PrometheusAwayError(f"{self._url}: {getattr(error, 'reason', None) or error}") from None


def _number(text: str) -> float | None:
    number = float(text)
    return None if math.isnan(number) else number
