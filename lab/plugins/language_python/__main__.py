"""Started by Pulumi's CLI as `pulumi-language-python`."""

from lab.plugins.language_python.host import serve

if __name__ == "__main__":
    serve()
