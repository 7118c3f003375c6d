# pulumi-policy asks for an older protobuf than Istio's generator, so it is installed beside the pack and not here.
# tests/lab/test_policy_pack.py runs the pack with it; here everything in it is Any.
from typing import Any

def __getattr__(name: str) -> Any: ...
