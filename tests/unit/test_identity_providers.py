"""A token as each provider writes it gets to the app by the declaration of the provider's page, and no other does.

`tests/lab/test_b50_token_shapes.py` sends the same tokens.
"""

from __future__ import annotations

from functools import cache

import pytest

from chatgpt_mesh.mesh.build import Mesh
from meshlint.reachability.request import Token
from tests.identity_providers import PAGES, PROVIDERS, Declared, Shape, declared
from tests.unit.golden import product
from tests.unit.mesh.stack import asked

DECLARED = declared()
CASES = [pytest.param(one, shape, id=f"{one}-{shape.name}") for one in DECLARED for shape in one.shapes()]


@cache
def _mesh(index: int) -> Mesh:
    settings = product.of_stack("staging").settings
    app = settings.apps["chatgpt-mcp"].model_copy(update={"auth": DECLARED[index].auth})
    return Mesh(settings.model_copy(update={"apps": {**settings.apps, "chatgpt-mcp": app}}), product.TODAY)


def test_each_provider_has_a_page_with_a_declaration_and_a_token() -> None:
    assert {one.page for one in DECLARED} == PROVIDERS == {page.stem for page in PAGES.glob("*.md")} - {"README"}


@pytest.mark.parametrize("one", DECLARED, ids=str)
def test_the_token_is_of_an_issuer_of_the_declaration(one: Declared) -> None:
    assert one.claims["iss"] in {issuer.issuer for issuer in one.auth.issuers}


@pytest.mark.parametrize(("one", "shape"), CASES)
def test_passes_or_is_refused_as_the_page_says(one: Declared, shape: Shape) -> None:
    claims = {name: value for name, value in shape.claims.items() if value is not None}
    answer = asked(_mesh(DECLARED.index(one)), "/mcp", "POST", token=Token(claims))
    assert answer.status == shape.status, answer
