"""Started by Pulumi's engine as `pulumi-resource-kubernetes`."""

from lab.plugins.kubernetes.provider import STAND_IN, KubernetesProvider
from lab.plugins.plugin import serve

if __name__ == "__main__":
    serve(KubernetesProvider, STAND_IN)
