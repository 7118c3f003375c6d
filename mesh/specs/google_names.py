"""What Google Cloud takes as names and labels. Its API says so in the middle of an `up`, and not before."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from chatgpt_mesh.mesh.specs.scalar import text_like

_PROJECT = r"([a-z][-a-z0-9]*[a-z0-9]\.[a-z]+:)?[a-z][-a-z0-9]{4,28}[a-z0-9]"
_PART = r"[A-Za-z0-9_-]{1,63}"

_FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_FIELD = re.compile(r"(\*|[0-9]{1,2}(-[0-9]{1,2})?)(/[1-9][0-9]?)?")


def _cron_refusal(line: str) -> str | None:
    fields = line.split(" ")
    for field, (low, high) in zip(fields, _FIELDS, strict=True):
        for part in field.split(","):
            numbers = [int(number) for number in re.findall(r"[0-9]+", part.partition("/")[0])]
            if _FIELD.fullmatch(part) is None or any(not low <= number <= high for number in numbers):
                return f"is no cron line: {part!r} must be a number from {low} to {high}, a range of them, or *"
    return None


if TYPE_CHECKING:
    ProjectId = str
    ProjectNumber = str
    Region = str
    Zone = str
    ResourceName = str
    MachineType = str
    LabelKey = str
    LabelText = str
    KmsKey = str
    Role = str
    Cron = str
    Domain = str
else:
    ProjectId = text_like(
        _PROJECT,
        "must be the id of a Google Cloud project: 6 to 30 lower-case letters, digits and '-', starting with a letter",
        longest=80,
        examples=["acme-chatgpt-prod"],
    )
    ProjectNumber = text_like(
        r"[0-9]{6,20}",
        'must be the number of a Google Cloud project, in quotes: "100200300401"',
        longest=20,
        examples=["100200300401"],
    )
    Region = text_like(
        r"[a-z]+-[a-z]+[0-9]+", "must be a region such as us-central1", longest=40, examples=["us-central1"]
    )
    Zone = text_like(
        r"[a-z]+-[a-z]+[0-9]+-[a-z]", "must be a zone such as us-central1-a", longest=40, examples=["us-central1-a"]
    )
    ResourceName = text_like(
        r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?",
        "must be a name of Google Cloud: lower-case letters, digits and '-', at most 63, starting with a letter",
        longest=63,
        examples=["example-com"],
    )
    MachineType = text_like(
        r"[a-z][a-z0-9]*(-[a-z0-9]+)+",
        "must be a machine type such as e2-standard-4",
        longest=63,
        examples=["e2-standard-4"],
    )
    LabelKey = text_like(
        r"[a-z][a-z0-9_-]{0,62}",
        "must be a label's key of Google Cloud: lower-case letters, digits, '-' and '_', at most 63, starting with a "
        "letter",
        longest=63,
        examples=["team"],
    )
    LabelText = text_like(
        r"[a-z0-9_-]{0,63}",
        "must be a label's value of Google Cloud: lower-case letters, digits, '-' and '_', at most 63",
        longest=63,
        examples=["chatgpt"],
    )
    KmsKey = text_like(
        rf"projects/{_PROJECT}/locations/[a-z0-9-]+/keyRings/{_PART}/cryptoKeys/{_PART}",
        "must be a Cloud KMS key: projects/P/locations/L/keyRings/R/cryptoKeys/K",
        longest=300,
        examples=["projects/acme-keys/locations/us-central1/keyRings/gke/cryptoKeys/secrets"],
    )
    Role = text_like(
        rf"(projects/{_PROJECT}/|organizations/[0-9]+/)?roles/[A-Za-z0-9_.]+",
        "must be a role: roles/NAME, projects/PROJECT/roles/NAME or organizations/NUMBER/roles/NAME",
        longest=200,
        examples=["roles/aiplatform.user"],
    )
    Cron = text_like(
        r"[0-9*,/-]+( [0-9*,/-]+){4}",
        "must be a cron line of five fields in UTC: minute, hour, day, month, weekday",
        longest=100,
        examples=["15 2 * * *"],
        further=_cron_refusal,
    )
    Domain = text_like(
        r"([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z]([-a-z0-9]{0,61}[a-z0-9])?",
        "must be a domain in lower case, such as example.com",
        longest=253,
        examples=["example.com"],
    )

GoogleLabels = Annotated[dict[LabelKey, LabelText], Field(max_length=60)]
"""Labels of resources in Google Cloud; it takes 64, and GKE adds some of its own."""
