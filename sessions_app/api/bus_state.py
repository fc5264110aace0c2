"""REST for operators: what is registered on the bus, and how far behind it is."""

from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from bus import gauges, map
from bus.bus import bus
from sessions_app.api import shapes
from sessions_app.api.authentication import HasScope, IsOperator
from sessions_app.api.description.operations import describes
from sessions_app.api.views import Resource


class BusView(Resource):
    """`bus/`"""

    noun = "commands"
    permission_classes = (IsAuthenticated, IsOperator, HasScope)

    @describes("get_bus", gives=shapes.Bus)
    def get(self, request: Request) -> Response:
        """Commands, events and durable subscribers with their lag and what they parked; open work; what this process
        has dropped. For operators."""
        work = [{"kind": kind, "state": state, "count": count} for kind, state, count in gauges.open_work()]
        return Response(
            {
                "commands": map.commands(bus.registry),
                "events": map.events(bus.registry),
                "subscribers": gauges.subscribers(bus.registry),
                "work": work,
                "dropped": gauges.dropped(),
            }
        )
