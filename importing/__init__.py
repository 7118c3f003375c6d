"""`python -m stack import`: the Istio objects that a team has become a declaration of this product.

What each object says is carried over, kept as it is, or told: `importing.source` counts every field of the input, so
that none is lost in silence. What the declaration then answers otherwise is asked of both (`importing.comparison`).
"""
