"""Measures in the running lab, and writes docs/benchmarks/data_path.json and the tables of docs/performance.md.

`python -m tests.benchmarks.data_path [--pairs 5] [--seconds 2] [--large]`: half a minute for each feature with five
pairs. `--large` has the largest crowd of apps, and more pairs beside what is written by hand. Nothing else should run
meanwhile: client, proxies and servers share the machine's cores.
"""

from __future__ import annotations

import argparse
import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.specs import dates
from lab.workloads.request import send
from lab.workloads.tokens import Sort
from tests.benchmarks.data_path import by_hand, declarations, servers
from tests.benchmarks.data_path.comparison import Form, alternating, as_json, at_once, declared
from tests.benchmarks.data_path.load import Call, Client, Figures, envoy_of
from tests.benchmarks.data_path.page import LARGE, NAME
from tests.benchmarks.data_path.same_answers import differences
from tests.benchmarks.figures import conditions, save
from tests.benchmarks.page import write
from tests.lab.bring_up import running_lab
from tests.lab.edge_certificates import certified
from tests.lab.kubectl import end_leaving_pods, memory_limited, scaled
from tests.lab.running_lab import JSON_RPC_HEADERS, eventually, label_selector
from tests.lab.test_b39_gateway_restart import restart

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatgpt_mesh.stack.settings import Settings
    from tests.lab.running_lab import RunningLab

_STEADY = 400
"""Requests per second that leave both sides at rest between them."""
_TOOL = "whoami"
_TOKENS = "tokens, and what they decide"
_PODS = 3
"""Of the gateway."""
_MANY_PAIRS = 15
"""Of two forms that differ by less than one pair differs from the next."""
_CROWDS, _LARGE_CROWDS = (9, 99), (999,)
"""Apps beside the measured one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    lab: RunningLab
    client: Client
    stack: Settings
    """With the measured app."""
    seconds: float
    pairs: int

    @property
    def host(self) -> str:
        return str(self.stack.apps[declarations.APP].host)

    @property
    def audience(self) -> str:
        return f"https://{self.host}/mcp"

    def mint(self, sort: Sort = Sort.VALID, **settings: Any) -> str:
        """A token for the measured app, or one that is wrong in one way."""
        return self.lab.token(sort, **{"audience": self.audience, **settings})

    def token(self, **settings: Any) -> dict[str, str]:
        """Headers of a call with a token for the measured app."""
        return {**JSON_RPC_HEADERS, "authorization": f"Bearer {self.mint(**settings)}"}

    @property
    def gateway_selector(self) -> str:
        return label_selector(self.stack.gateways["public"].pod_labels)

    def _call(self, host: str, address: str) -> Call:
        return Call.of_tool(self.lab, host, address, _TOOL, self.mint())

    def whole_call(self) -> Call:
        return self._call(self.host, self.lab.public.address)

    def bare_call(self) -> Call:
        service = self.lab.core.read_namespaced_service(servers.BARE, servers.BARE)
        return self._call(servers.BARE_HOST, service.spec.cluster_ip)

    def _envoys(self, namespace: str, selector: str) -> tuple[int, ...]:
        pods = self.lab.core.list_namespaced_pod(namespace, label_selector=selector, _request_timeout=10).items
        return tuple(envoy_of(pod.metadata.uid) for pod in pods if pod.metadata.deletion_timestamp is None)

    def of_the_stack(self, *, rate: int | None = None, http2: bool = False) -> Figures:
        gateways = self._envoys(self.stack.gateways["public"].home, self.gateway_selector)
        sidecars = self._envoys(self.stack.apps[declarations.APP].namespace, f"app={declarations.APP}")
        return self._run(self.whole_call(), gateways, sidecars, rate, http2=http2)

    def of_bare_istio(self, *, rate: int | None = None, http2: bool = False) -> Figures:
        gateways = self._envoys(servers.BARE, f"istio={servers.BARE}")
        return self._run(self.bare_call(), gateways, self._envoys(servers.BARE, "app=server"), rate, http2=http2)

    def _run(
        self, call: Call, gateways: tuple[int, ...], sidecars: tuple[int, ...], rate: int | None, *, http2: bool
    ) -> Figures:
        return self.client.run(call, seconds=self.seconds, rate=rate, gateways=gateways, sidecars=sidecars, http2=http2)

    def at_rest(self) -> Figures:
        """At a rate that leaves the cores time: what a request costs then does not hang on who else is waiting."""
        return self.of_the_stack(rate=_STEADY)

    @contextlib.contextmanager
    def by_hand(self, *names: str, remembers_tokens: bool = False) -> Iterator[None]:
        """Both gateways with these features and no others: as declared at the one, by hand at the other.

        Args:
            names: Of `by_hand.FEATURES`.
            remembers_tokens: What the one by hand does and Istio cannot say.

        Raises:
            AssertionError: they answer differently.
        """
        app = self.stack.apps[declarations.APP]
        written = by_hand.Configuration(self.stack, app, self.audience, remembers_tokens)
        for name in names:
            by_hand.FEATURES[name](written)
        before = servers.bare_istio()
        narrowed = declarations.only(self.stack, *names)
        written_by_hand = self.lab.objects.replaced(before, written.manifests(before))
        with written_by_hand, declared(self.lab, narrowed, over=self.stack):
            one, other = self.whole_call().once(), self.bare_call().once()
            found = differences(one, other, names, self.mint)
            assert not found, "\n".join(found)
            yield

    def by_the_bare(self) -> Figures:
        """The declared gateway's figures by those of bare Istio in the same seconds, which what the machine does meets
        too."""
        [(one, other)] = at_once(self.at_rest, lambda: self.of_bare_istio(rate=_STEADY), pairs=1)
        return one.by(other)

    def with_declaration(self, stack: Settings) -> Form:
        return Form(lambda: declared(self.lab, stack, over=self.stack), self.by_the_bare)

    def as_it_is(self) -> Form:
        return Form(contextlib.nullcontext, self.by_the_bare)

    def check(self) -> None:
        """What is measured is the whole edge: it lets the call in, and nothing without its token or its scope.

        Raises:
            AssertionError: it is another one.
        """
        call = self.whole_call()
        whole = call.once()
        without = replace(whole, headers=JSON_RPC_HEADERS)
        lacking = self.token(scopes=["chatgpt.tools.read"])
        other = replace(whole, body=call.body.replace(_TOOL, "execute_sql"), headers=lacking)
        bare = self.bare_call().once()
        eventually(lambda: send(bare).status == 200, within=60, what="bare Istio lets the call through")
        eventually(lambda: send(whole).status == 200, within=60, what="the declared gateway knows the servers' pods")
        replies = [send(request) for request in (whole, without, other)]
        assert [reply.status for reply in replies] == [200, 401, 403], [str(reply) for reply in replies]


def _against_the_bare(bench: Bench, rate: int | None, *, http2: bool = False) -> list[tuple[Figures, Figures]]:
    one = Form(contextlib.nullcontext, lambda: bench.of_the_stack(rate=rate, http2=http2))
    other = Form(contextlib.nullcontext, lambda: bench.of_bare_istio(rate=rate, http2=http2))
    return alternating(one, other, pairs=bench.pairs)


def measure(bench: Bench) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Series, row of it, and its pairs with their ratios.

    Raises:
        InvalidConfig: a declaration without a feature contradicts itself; told before anything is measured.
    """
    without = {feature.name: feature.left_out(bench.stack) for feature in declarations.FEATURES}
    for stack in without.values():
        Mesh(stack, dates.today())
    for name, rate, http2 in (
        ("as many as there can be", None, False),
        ("as many as there can be, HTTP/2", None, True),
        (f"{_STEADY} a second", _STEADY, False),
    ):
        yield "bare", name, as_json(_against_the_bare(bench, rate, http2=http2))
    yield from beside_by_hand(bench, bench.pairs)
    for name, stack in without.items():
        other = bench.with_declaration(stack)
        yield "features", name, as_json(alternating(bench.as_it_is(), other, pairs=bench.pairs))
    yield "pods", str(_PODS), as_json(_with_pods(bench, _PODS))
    yield from crowd(bench, _CROWDS)


def beside_by_hand(bench: Bench, pairs: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each feature as it is declared, beside the same by hand."""

    def compared() -> dict[str, Any]:
        return as_json(at_once(bench.at_rest, lambda: bench.of_bare_istio(rate=_STEADY), pairs=pairs))

    with bench.by_hand():
        yield "by hand", "none of these", compared()
    for name in by_hand.FEATURES:
        with bench.by_hand(*by_hand.NEEDED.get(name, ()), name):
            yield "by hand", name, compared()
    with bench.by_hand(_TOKENS, remembers_tokens=True):
        yield "by hand", "tokens that Envoy remembers", compared()
    with bench.by_hand(*by_hand.FEATURES):
        yield "by hand", "all of these", compared()
        yield "by hand", "all of these, as many as there can be", as_json(_against_the_bare(bench, None))


def _with_pods(bench: Bench, count: int) -> list[tuple[Figures, Figures]]:
    """The gateway with so many pods, and with one."""
    gateway = bench.stack.gateways["public"]
    alone = [bench.by_the_bare() for _ in range(bench.pairs)]
    with scaled(bench.lab, gateway.home, gateway.release_name, bench.gateway_selector, to=count):
        return list(zip([bench.by_the_bare() for _ in range(bench.pairs)], alone, strict=True))


def crowd(bench: Bench, sizes: tuple[int, ...]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The same, by how many apps are at the gateway."""
    for others in sizes:
        many = declarations.crowded(bench.stack, others)
        # One change for all pairs: a crowd takes longer to come than to be measured.
        alone = [bench.by_the_bare() for _ in range(bench.pairs)]
        with declared(bench.lab, many, over=bench.stack):
            crowded = [bench.by_the_bare() for _ in range(bench.pairs)]
        yield "crowd", str(others + 1), as_json(list(zip(crowded, alone, strict=True)))


def measure_large(bench: Bench) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """What takes longer, in the same form: more pairs where a goal is near, and the largest crowd."""
    yield from beside_by_hand(bench, _MANY_PAIRS)
    yield from crowd(bench, _LARGE_CROWDS)


def record(*, large: bool = False, pairs: int = 5, seconds: float = 2) -> None:
    """Measure in the running lab, and write the figures and the page."""
    when = conditions()
    lab = running_lab()
    client = Client(servers.fortio(lab))
    stack = declarations.whole(lab.stack)
    found: dict[str, Any] = {}
    gateway = lab.stack.gateways["public"]
    with contextlib.ExitStack() as held:
        if large:
            held.enter_context(
                memory_limited(lab, gateway.home, gateway.release_name, to=declarations.MEMORY_OF_A_CROWD)
            )
        # The bare gateway is new as well: an Envoy that has been told much before is a little dearer.
        restart(lab)
        end_leaving_pods(lab, gateway.home)
        served = servers.serving(lab, stack.apps[declarations.APP])
        for one in (declared(lab, stack, over=lab.stack), certified(lab), served):
            held.enter_context(one)
        bench = Bench(lab=lab, client=client, stack=stack, seconds=seconds, pairs=pairs)
        bench.check()
        for series, row, result in measure_large(bench) if large else measure(bench):
            found.setdefault(series, {})[row] = result
            # A row that fails leaves those before it.
            save(LARGE if large else NAME, {**when, "pairs": pairs, "seconds": seconds, **found})
            print(series, row, result["ratios"]["gateway_microseconds"], flush=True)
    write()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.data_path", description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--large", action="store_true", help="the largest crowd, and more pairs by hand")
    arguments = parser.parse_args()
    record(large=arguments.large, pairs=arguments.pairs, seconds=arguments.seconds)


if __name__ == "__main__":
    main()
