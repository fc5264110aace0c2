"""What can have happened. Stored for ever: a change of shape raises `schema` and brings an `upcast_vN_vM`."""

from sessions_app.events.accounts import *
from sessions_app.events.artifacts import *
from sessions_app.events.conversations import *
from sessions_app.events.erasure import *
from sessions_app.events.exchange import *
from sessions_app.events.graphs import *
from sessions_app.events.runs import *
from sessions_app.events.sessions import *
from sessions_app.events.sharing import *
