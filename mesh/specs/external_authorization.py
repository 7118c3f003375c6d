"""What an app asks one of `authorizers` about."""

from __future__ import annotations

from chatgpt_mesh.mesh.specs.spec import DnsLabel, HttpPath, Many, Spec


class ExternalAuthorizationSpec(Spec):
    """What an app asks an authorizer about, after tokens and before its own ALLOW: whoever calls, through a
    gateway or in the mesh."""

    authorizer: DnsLabel
    """One of `authorizers`. Its word is asked in addition: it opens nothing that the declaration does not open."""
    paths: Many[HttpPath] = ()
    """Paths as the app sees them, whole ones that it serves; what ends with '/' stands for all below. Empty: all."""
