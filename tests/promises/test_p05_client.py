"""P5, the client's side: whatever it does in whatever order, with its last version it misses and doubles nothing."""

import json
import socket
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as some
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.harness.cluster import Cluster
from tests.harness.history import check_versions
from tests.harness.scale import SCALE, scaled

PATIENCE = 20.0


class Client(RuleBasedStateMachine):
    """One client with one session; the model is the session's version and what the client was given."""

    cluster: Cluster

    @initialize()
    def begin(self) -> None:
        """A session, and a socket that watches nothing yet."""
        self.browsers = [self.cluster.browser(number) for number in range(2)]
        self.session = self.browsers[0].new_session()
        self.head = 1
        self.versions: list[int] = []
        self.asked = 0
        self.subscription = ""
        self.open(0)

    def open(self, web: int) -> None:
        """A new socket, at one of the webs."""
        browser = self.browsers[web]
        self.opened = ExitStack()
        self.socket = self.opened.enter_context(
            connect(
                f"ws{browser.url.removeprefix('http')}/ws/v1/",
                additional_headers={"Cookie": browser.cookies},
                origin=Origin(browser.url),
                compression=None,
            )
        )

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a request; what comes before its answer is taken in."""
        self.asked += 1
        self.socket.send(json.dumps({"id": self.asked, "method": method, "params": params}))
        while True:
            frame = self.receive()
            if frame.get("id") == self.asked:
                result: dict[str, Any] = frame["result"]
                return result

    def receive(self) -> dict[str, Any]:
        """The next frame; an event is noted."""
        frame: dict[str, Any] = json.loads(self.socket.recv(timeout=PATIENCE))
        if "event" in frame:
            assert frame["subscription"] == self.subscription
            self.versions.append(frame["event"]["version"])
        return frame

    @rule(web=some.integers(0, 1), count=some.integers(1, 5))
    def post(self, web: int, count: int) -> None:
        """Somebody adds messages, through either web."""
        for number in range(count):
            self.browsers[web].say(self.session, f"message {number}")
        self.head += count

    @precondition(lambda self: not self.subscription)
    @rule()
    def subscribe(self) -> None:
        """Go on after the last version."""
        self.subscription = f"s{self.subscriptions + 1}"
        self.subscriptions += 1
        after = self.versions[-1] if self.versions else 0
        result = self.call("subscribe", session=self.session, after=after)
        assert (result["subscription"], result["recovered"]) == (self.subscription, True)
        assert after <= result["head"] <= self.head

    subscriptions = 0

    @precondition(lambda self: self.subscription)
    @rule()
    def unsubscribe(self) -> None:
        """Look away; what was under way still arrives, before the answer."""
        self.call("unsubscribe", subscription=self.subscription)
        self.subscription = ""

    @rule(web=some.integers(0, 1))
    def cut(self, web: int) -> None:
        """Lose the connection in whatever state it is, and come back, perhaps elsewhere."""
        self.socket.socket.shutdown(socket.SHUT_RDWR)
        self.opened.close()
        self.subscription, self.subscriptions = "", 0
        self.open(web)

    @precondition(lambda self: self.subscription)
    @rule()
    def read(self) -> None:
        """Receive everything there is."""
        while len(self.versions) < self.head:
            self.receive()

    @rule()
    def lose_hints(self) -> None:
        """Redis forgets everything."""
        self.cluster.flush_redis()

    @invariant()
    def nothing_is_missing_or_doubled(self) -> None:
        """What was given so far is 1, 2, 3 …"""
        check_versions(self.versions, len(self.versions))

    def teardown(self) -> None:
        """In the end the client has everything."""
        if hasattr(self, "socket"):
            if not self.subscription:
                self.subscribe()
            self.read()
            check_versions(self.versions, self.head)
            self.opened.close()
            self.cluster.close_browsers()


@pytest.mark.timeout(1200)
def test_a_client_with_its_last_version_is_given_each_later_one_once(cluster: Cluster) -> None:
    """Fifteen stories of at most twenty steps; at a larger scale, new ones each time."""
    machine = type("ClientOfTheCluster", (Client,), {"cluster": cluster})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=scaled(15),
            stateful_step_count=20,
            derandomize=SCALE == 1,
            phases=(Phase.generate,),  # a failure may have cost its deadline: to shrink it would take for ever
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
