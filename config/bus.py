"""The settings of the bus: plugins, sockets, publishing, work. Part of `settings`."""

from config import env

PLUGINS = env.words(
    "PLUGINS",
    [f"sessions_app.plugins.{name}" for name in ("memory", "coordination", "goals")],
    "modules with plugins, imported at start; name those of Parley too, if you want them",
)
PLUGIN_FAILURES = env.number("PLUGIN_FAILURES", 10, "failures in a row that switch a plugin off", least=1)
PLUGIN_SLOW = env.seconds("PLUGIN_SLOW", 0.1, "a plugin's reaction that takes longer is warned of")
BUS_DATABASE_THREADS = env.number("BUS_DATABASE_THREADS", 8, "threads for database work of sockets", least=1)
BUS_READER_CONNECTIONS = env.number("BUS_READER_CONNECTIONS", 4, "connections for reading the log to sockets", least=1)
BUS_READER_TIMEOUT = env.seconds("BUS_READER_TIMEOUT", 10.0, "longest wait for one of those connections")
BUS_POLL_INTERVAL = env.seconds(
    "BUS_POLL_INTERVAL", 1.0, "how often the versions of watched sessions are polled", least=0.05
)
BUS_PUBLISH_QUEUE = env.number(
    "BUS_PUBLISH_QUEUE", 10_000, "frames waiting to be sent before they are dropped", least=1
)
BUS_PUBLISH_TIMEOUT = env.seconds("BUS_PUBLISH_TIMEOUT", 2.0, "longest wait for Redis to take frames")
BUS_PUBLISH_PAUSE = env.seconds("BUS_PUBLISH_PAUSE", 0.5, "pause after Redis failed, before frames are sent again")
BUS_PUBLISH_INTERVAL = env.seconds("BUS_PUBLISH_INTERVAL", 0.004, "least time between two sendings of frames")
BUS_LOG_HINT_INTERVAL = env.seconds("BUS_LOG_HINT_INTERVAL", 0.02, "between two hints to followers of the whole log")
BUS_JOIN_TIMEOUT = env.seconds("BUS_JOIN_TIMEOUT", 1.0, "longest wait for Redis when a session is first watched")
BUS_HINT_QUEUE = env.number("BUS_HINT_QUEUE", 10_000, "work hints waiting to be sent before they are dropped", least=1)
BUS_SOCKET_ITEMS = env.number("BUS_SOCKET_ITEMS", 512, "frames waiting for one socket before it is closed", least=8)
BUS_SOCKET_BYTES = env.number(
    "BUS_SOCKET_BYTES", 524_288, "bytes waiting for one socket before it is closed", least=65_536
)
BUS_REAUTHENTICATE = env.seconds("BUS_REAUTHENTICATE", 20.0, "how often a socket's login is looked after", least=0.1)
BUS_SOCKETS_PER_USER = env.number(
    "BUS_SOCKETS_PER_USER", 1000, "sockets one user or account may have open in one process", least=1
)
BUS_FRAMES_PER_SECOND = env.number(
    "BUS_FRAMES_PER_SECOND", 100, "frames one socket may send, on average over ten seconds", least=1
)
BUS_PRESENCE_SECONDS = env.number(
    "BUS_PRESENCE_SECONDS", 30, "who watched a session in a process that died is shown for so long", least=3
)
BUS_TICKET_SECONDS = env.number("BUS_TICKET_SECONDS", 30, "how long a ticket for a socket is good", least=1)
BUS_CLOSE_TIMEOUT = env.seconds("BUS_CLOSE_TIMEOUT", 3.0, "longest wait for a socket to take its goodbye")
BUS_DRAIN_SPREAD = env.seconds("BUS_DRAIN_SPREAD", 1.0, "sockets are told to come back within this time at a shutdown")
BUS_LEASE_SECONDS = env.number("BUS_LEASE_SECONDS", 30, "work not renewed for so long is taken over", least=2)
BUS_RENEW_SECONDS = env.number("BUS_RENEW_SECONDS", 10, "how often leases are renewed", least=1)
BUS_SWEEP_INTERVAL = env.seconds("BUS_SWEEP_INTERVAL", 1.0, "how often a worker looks for work nobody took", least=0.05)
BUS_SWEEP_GRACE = env.seconds("BUS_SWEEP_GRACE", 2.0, "how long due work is left to the hints first")
BUS_SWEEP_THREADS = env.number("BUS_SWEEP_THREADS", 8, "work a sweeper does itself at a time", least=1)
BUS_DELIVER_INTERVAL = env.seconds("BUS_DELIVER_INTERVAL", 0.1, "between two hints to durable subscribers")
BUS_KEY_HOURS = env.number("BUS_KEY_HOURS", 24, "how long an Idempotency-Key is remembered", least=1)
BUS_WORK_HOURS = env.number("BUS_WORK_HOURS", 168, "how long finished work can be looked up", least=1)
BUS_UPGRADE_SECONDS = env.seconds(
    "BUS_UPGRADE_SECONDS", 3600.0, "how long a queued command unknown to a worker is left to newer ones"
)
BUS_OBSERVE = env.boolean("BUS_OBSERVE", True, "count and time commands for /metrics")
BUS_TRACE_EVENTS = env.boolean("BUS_TRACE_EVENTS", False, "tell watchers of a session of each command, as trace-event")
