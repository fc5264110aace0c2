"""What can be asked. Each has one handler under `handlers/`; REST, sockets and workers follow from these classes."""

from sessions_app.commands.accounts import *
from sessions_app.commands.artifacts import *
from sessions_app.commands.chats import *
from sessions_app.commands.compaction import *
from sessions_app.commands.conversations import *
from sessions_app.commands.erasure import *
from sessions_app.commands.exchange import *
from sessions_app.commands.graphs import *
from sessions_app.commands.questions import *
from sessions_app.commands.runs import *
from sessions_app.commands.sessions import *
from sessions_app.commands.sharing import *
