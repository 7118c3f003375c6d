"""The lab's stand-in for `pulumi-language-python`: the SDK's own language server, run as a plugin."""
