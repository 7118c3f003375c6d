"""Random stacks on the running lab: what the checker says of each is asked of its mesh.

A number becomes a declaration (`declaration`), which is deployed through the engine with a workload for every app
(`deployed`, `workloads`). Questions are drawn from what is declared (`questions`, `tokens`), sent, and compared with
what was predicted of the live objects (`asking`). `python -m tests.lab.random_mesh` writes the result (`result`).
"""
