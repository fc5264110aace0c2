"""What an archive of a user's sessions is made of: their files, the bytes of their artifacts, a manifest. Plain."""

from uuid import UUID

from bus.messages import StrictMeta

BUNDLE = "parley-export"
BUNDLE_VERSION = 1
MANIFEST = "manifest.json"


class Packed(metaclass=StrictMeta):
    """A session's file in an archive."""

    id: UUID
    size: int
    sha256: str

    @property
    def file(self) -> str:
        """Where it is."""
        return f"sessions/{self.id}.json"


class PackedBytes(metaclass=StrictMeta):
    """The bytes of one or more artifacts in an archive."""

    sha256: str
    size: int

    @property
    def file(self) -> str:
        """Where they are."""
        return f"artifacts/{self.sha256}"


class Bundle(metaclass=StrictMeta):
    """What an archive of one user's sessions says of itself."""

    format: str = BUNDLE
    format_version: int = BUNDLE_VERSION
    sessions: list[Packed] = []
    artifacts: list[PackedBytes] = []
