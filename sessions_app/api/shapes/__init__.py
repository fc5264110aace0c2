"""The shapes of what REST answers with, as `represent` makes them: for the API's description, and for the tests that
hold every answer against it."""

from sessions_app.api.shapes.accounts import *
from sessions_app.api.shapes.analytics import *
from sessions_app.api.shapes.artifacts import *
from sessions_app.api.shapes.bus import *
from sessions_app.api.shapes.commands import *
from sessions_app.api.shapes.erasure import *
from sessions_app.api.shapes.exchange import *
from sessions_app.api.shapes.graphs import *
from sessions_app.api.shapes.runs import *
from sessions_app.api.shapes.sessions import *
