"""Findings on Istio's own objects that are true."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class LookedAt:
    """Findings of one code, in the files of a pattern, on the objects of a pattern."""

    code: str
    file: str
    object: str
    reason: str


TRUE: tuple[LookedAt, ...] = (
    LookedAt(
        "MCP003",
        "istioctl/pkg/kubeinject/testdata/mesh-config.yaml",
        "*",
        "an old MeshConfig: Istio has no such field any more",
    ),
    LookedAt(
        "MCP003",
        "tests/*/config/rule-websocket-route.yaml",
        "*",
        "`websocketUpgrade` is no field any more: the API server drops it",
    ),
    LookedAt(
        "MCP005",
        "pkg/config/analysis/*/deprecation.yaml",
        "QuotaSpec/*",
        "a kind of Mixer's, in a file about deprecations",
    ),
    LookedAt(
        "MCP102",
        "pkg/config/analysis/*/virtualservice_host_not_found_gateway_with_ns_prefix*.yaml",
        "*",
        "each takes everything, and the younger gets nothing; the analyzer of this file looks at hosts only",
    ),
    LookedAt(
        "MCP106",
        "tests/*/networking/ingress-gateway/configs.yaml",
        "*",
        "the ServiceEntry of that host has port 15004 alone: the route has no cluster",
    ),
    LookedAt(
        "MCP209",
        "tests/*/automtls-partial-sidecar-dr-disable.yaml",
        "*",
        "plaintext to a STRICT namespace: the file is about what happens then",
    ),
    LookedAt(
        "MCP218",
        "tests/*/config/destination-rule-all.yaml",
        "*",
        "an interval of 8 ms, in a file that sets every field to something",
    ),
    LookedAt(
        "MCP301",
        "pilot/pkg/*",
        "*",
        "mTLS is switched off, which no default does: the files are about what istiod makes of it",
    ),
    LookedAt(
        "MCP301",
        "tests/integration/*",
        "*",
        "mTLS is switched off, which no default does: the files are about clients without it",
    ),
    LookedAt(
        "MCP308",
        "p*",
        "*",
        "words such as `principal` in place of an identity: no certificate of Istio's carries them, so nobody is meant",
    ),
    LookedAt(
        "MCP309",
        "pilot/pkg/security/authz/*/multiple-policies-in.yaml",
        "*",
        "ports 80 and 90 are open without a token by another ALLOW: a list of all that a policy can say",
    ),
    LookedAt(
        "MCP310",
        "pilot/pkg/security/authz/*/simple-policy-*",
        "*",
        "a namespace and a principal of another one in one source: nobody is both",
    ),
    LookedAt(
        "MCP318",
        "pilot/pkg/*",
        "*",
        "an ALLOW rule by a header alone: whoever writes the header gets in",
    ),
    LookedAt(
        "MCP414",
        "tests/*/config/gateway-all.yaml",
        "*",
        "`c.foo` is redirected to https, where no server has it",
    ),
    LookedAt(
        "MCP416",
        "pkg/config/analysis/*/gateway-secrets.yaml",
        "*",
        "two Gateways of one host with two certificates; the analyzer of Gateways says the same of such",
    ),
    LookedAt(
        "MCP417",
        "pkg/config/analysis/*/gateway-duplicate-certificate.yaml",
        "*",
        "the Secret's certificate is a made-up word, in a file about one certificate at two Gateways",
    ),
    LookedAt(
        "MCP501",
        "tests/*/config/se-example-gw.yaml",
        "*",
        "the entry is for httpbin.org, the route goes to httpbin.com",
    ),
    LookedAt(
        "MCP501",
        "tests/*/networking/ingress-gateway/configs.yaml",
        "*",
        "three of the four hosts have a ServiceEntry in the file, this one has none",
    ),
    LookedAt(
        "MCP508",
        "tests/*/config/se-example-gw.yaml",
        "*",
        "the Sidecar shows its own namespace alone, the route leads to another",
    ),
    LookedAt(
        "MCP602",
        "pkg/config/validation/testdata/crds/telemetry-valid.yaml",
        "*",
        "`add` is meant as a text and read as an attribute: the tag is always `unknown`",
    ),
    LookedAt(
        "MCP605",
        "pkg/config/validation/testdata/crds/telemetry-valid.yaml",
        "*",
        "`request.host` has as many values as clients invent",
    ),
    LookedAt(
        "MCP702",
        "operator/*/flag_force.yaml",
        "*",
        "`badKey`, in a test that istioctl refuses it without `--force`",
    ),
    LookedAt(
        "MCP703",
        "pkg/config/analysis/*/sidecar-default-selector.yaml",
        "Namespace/*",
        "ambient beside a sidecar's label, which the analyzer of labels names in its own file",
    ),
    LookedAt(
        "MCP706",
        "samples/addons/kiali.yaml",
        "*",
        "Kiali without a login, as its own documentation says `for demonstrations`",
    ),
    LookedAt(
        "MCP719",
        "pkg/config/analysis/*/virtualservice_destinationhosts.yaml",
        "*",
        "HTTP routes to a port called `tcp-test` do not apply",
    ),
    LookedAt(
        "MCP722",
        "pkg/config/analysis/*/deployment-multi-service.yaml",
        "*",
        "the analyzer expects it, of the Deployment (this rule names the Services)",
    ),
    LookedAt(
        "MCP724",
        "operator/*/pilot_override_kubernetes.golden.yaml",
        "*",
        "a patch of the test has put `foo` in place of the Service",
    ),
    *(
        LookedAt(
            code,
            "pilot/*/gateway/testdata/*.yaml",
            "*",
            "istiod refuses it too, by the status in the golden of the file",
        )
        for code in ("MCP901", "MCP902", "MCP903", "MCP904", "MCP906", "MCP912", "MCP916")
    ),
    LookedAt(
        "MCP907",
        "pilot/*/gateway/testdata/*.yaml",
        "*",
        "several cases on one listener: by the order that istiod gives them the younger gets nothing",
    ),
    LookedAt(
        "MCP920",
        "pilot/*/gateway/testdata/http.yaml",
        "*",
        "a retry after an answer, in a file that sets every field to something",
    ),
)


def reason(code: str, file: str, obj: str) -> str:
    """Why a finding is true; empty if nobody has said so."""
    for one in TRUE:
        if one.code == code and fnmatchcase(file, one.file) and fnmatchcase(obj, one.object):
            return one.reason
    return ""
