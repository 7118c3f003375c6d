"""The lab's stand-in for `pulumi-resource-gcp`: plans only."""
