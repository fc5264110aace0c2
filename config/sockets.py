"""The settings of sockets; read by `config.settings`."""

from config import env

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
