"""The settings of sessions as files: how large, for how long. Part of `settings`."""

from config import env

IMPORT_MAX_BYTES = env.number(
    "IMPORT_MAX_BYTES", 2**30, "bytes an archive that is imported may have when it is unpacked", least=1024, most=2**53
)
IMPORT_PATIENCE = env.seconds(
    "IMPORT_PATIENCE", 20.0, "an import over REST begins no further session after so long; sent again it goes on"
)
IMPORT_SESSION_SECONDS = env.seconds(
    "IMPORT_SESSION_SECONDS", 60.0, "longest time that writing one imported session may take over REST"
)
EXPORT_DAYS = env.number(
    "EXPORT_DAYS", 7, "how long the archive of all of a user's sessions is kept", least=1, most=3650
)
