"""The declaration layer, pure Python: `specs` (what people write), `graph` (who may call whom), `objects` (what Istio
gets).

`build` composes them and is the only module that knows all.
"""
