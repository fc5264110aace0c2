"""What operators are told of the bus."""

from bus.models import ParkedDelivery, SubscriberCursor
from bus.registry import default
from tests.api.caller import Caller, problem


def test_operators_see_what_is_registered_and_how_far_behind_it_is(api: Caller, charlie_api: Caller) -> None:
    api.session()
    name = next(iter(default.subscribers))
    SubscriberCursor.objects.update_or_create(name=name, defaults={"position": 0})
    ParkedDelivery.objects.create(subscriber=name, position=1, attempts=5, error="x")
    shown = charlie_api.get("bus/").json()
    (add,) = (command for command in shown["commands"] if command["name"] == "add-message")
    assert (add["outside"], add["handler"]) == ("yes", "sessions_app.handlers.messages.add_message")
    (begun,) = (event for event in shown["events"] if event["name"] == "session-created")
    assert begun["projections"]
    (subscriber,) = (one for one in shown["subscribers"] if one["name"] == name)
    assert (subscriber["lag"] > 0, subscriber["parked"]) == (True, 1)
    assert set(shown["dropped"]) == {"frames", "hints", "sockets"}


def test_nobody_else_does(api: Caller, stranger_api: Caller) -> None:
    problem(api.get("bus/"), 403, "forbidden")
    problem(stranger_api.get("bus/"), 401, "unauthenticated")
