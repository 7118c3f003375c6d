"""`python -m mesh rollout`: a canary goes from share to share while Prometheus agrees, and back where it does not.

The stack file says what runs at every moment: a step is `pulumi config set` of the share and one `pulumi up`. What is
declared of it is `apps.NAME.rollout.canary.steps`, a `StepsSpec` of `mesh.specs.rollout_steps`.
"""
