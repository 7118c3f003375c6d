"""Started by Pulumi's engine as `pulumi-resource-gcp`."""

from lab.plugins.gcp.provider import STAND_IN, GcpPlanner
from lab.plugins.plugin import serve

if __name__ == "__main__":
    serve(GcpPlanner, STAND_IN)
