"""How many examples the property tests take: `quick` unless `--hypothesis-profile` says otherwise.

| profile | examples | for |
|---|---|---|
| `quick` | 10 | `make unit`, after every change |
| `thorough` | 400 | `make thorough`, before a change is merged |
| `explore` | 400 | other examples in each run, and again those that failed: to find what nobody has thought of |

The first two take the same examples in each run: a commit that has passed passes again.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Deadlines and too_slow measure the machine, which others share.
_ANY_MACHINE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

settings.register_profile("quick", _ANY_MACHINE, derandomize=True, max_examples=10)
settings.register_profile("thorough", _ANY_MACHINE, derandomize=True, max_examples=400)
settings.register_profile("explore", _ANY_MACHINE, max_examples=400)
settings.load_profile("quick")
