"""j: the page of a long session in Chromium: until one can write, its weight, and what an answer costs that streams."""

import statistics
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from benchmarks.measure import Figure
from benchmarks.stack import Bench, Server
from tests.e2e.chromium import chromium, installed, logged_in
from tests.flow.stack import Browser as Caller

LONG, TURNS = 10_000, 25
SECONDS, RATE = 60, 100
"""Of streaming; tokens in a second."""
OPENED, FRAME, WEIGHT = 1000.0, 50.0, 150.0
"""The aims: ms, ms of processor, kB."""
ROUNDS = 5
LOOK, SETTLED = 40, 3.0
"""Milliseconds between two looks; seconds after the end."""
ANSWER = """There are **two** ways, see [the paper](https://example.org/paper):

1. Measure first, as in `measure.py`.
2. Then decide.

```python
def answer(question: str) -> int:
    return 42  # as always
```

| what | cost |
|---|--:|
| one | 1.50 |
| two | 12.00 |

And so it goes on for a while, in a paragraph such as models like to write.

"""
OPENING = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
"""The scripts are modules: when this is over they have run, and the composer answers."""
CARRIED = """() => performance.getEntriesByType("navigation").concat(performance.getEntriesByType("resource"))
  .filter((one) => !/\\.svg$|inline$/.test(one.name)).reduce((sum, one) => sum + one.transferSize, 0)"""


def measure(bench: Bench) -> list[Figure]:
    """One web, one worker, one Chromium. Nothing where there is no Chromium."""
    if installed() is None:
        print("bench: there is no Chromium; the pages are left out", file=sys.stderr)
        return []
    with ExitStack() as stack:
        web = stack.enter_context(bench.web()).ready()
        stack.enter_context(bench.worker()).ready()
        (long,) = bench.sessions(stack.enter_context(bench.writer()), 1, LONG)
        caller = Caller(web.url, "alice")
        stack.callback(caller.client.close)
        for number in range(TURNS):
            caller.say(long, f"Question {number}?")
            caller.say(long, ANSWER, role="assistant")
        browser = stack.enter_context(chromium())
        return [*_opened(browser, web, caller, long), *_streamed(browser, web, caller)]


def _context(browser: Browser, web: Server, caller: Caller) -> BrowserContext:
    context = browser.new_context(base_url=web.url, viewport={"width": 1280, "height": 800})
    logged_in(context, web.url, caller.client.cookies)
    return context


def _opened(browser: Browser, web: Server, caller: Caller, session: str) -> list[Figure]:
    """With an empty cache each time; the first opening of all is not counted, since the server reads its templates."""
    took, carried, floor = [], [], []
    for number in range(ROUNDS + 1):
        context = _context(browser, web, caller)
        page = context.new_page()
        page.goto(f"/sessions/{session}/")
        page.get_by_text("Connected").wait_for()
        took.append(float(page.evaluate(OPENING)))
        carried.append(float(page.evaluate(CARRIED)) / 1000)
        context.close()
        floor.append(1000 * _seconds(lambda: caller.client.get(f"/sessions/{session}/").raise_for_status()))
        if not number:
            took, carried, floor = [], [], []
    label = f"the page of a session of {LONG + 2 * TURNS:,} messages"
    opened, weight = statistics.median(took), statistics.median(carried)
    return [
        Figure(
            benchmark="j",
            name=f"{label}: from the address until one can write",
            value=opened,
            unit="ms",
            floor=statistics.median(floor),
            floor_name="its HTML alone",
            aim=f"≤ {OPENED:,.0f} ms",
            met=opened <= OPENED,
        ),
        _limited(f"{label}: weight without pictures, nothing compressed", weight, "kB", WEIGHT),
    ]


def _streamed(browser: Browser, web: Server, caller: Caller) -> list[Figure]:
    """The echo provider says a long Markdown text word by word."""
    words = len(ANSWER.split())
    text = ANSWER * round(SECONDS * RATE / words)
    options = {"text": text, "delay": 1 / RATE}
    session = caller.new_session(config={"provider": "echo", "model": "echo", "provider_options": options})
    page = _context(browser, web, caller).new_page()
    page.goto(f"/sessions/{session}/")
    page.get_by_text("Connected").wait_for()
    caller.say(session, "Go on for a minute.", answer=True)
    page.locator(".grown .code").first.wait_for()
    counted: Any = page.context.new_cdp_session(page)
    counted.send("Performance.enable", {"timeDomain": "threadTicks"})  # processor time, whoever else is at work
    before, began = _metrics(counted), time.monotonic()
    worst = _followed(page, counted)
    took, after = time.monotonic() - began, _metrics(counted)
    label = f"{len(text.split()):,} words in {took:.0f} s, made prose as they come"
    return [
        _limited(f"{label}: processor, most script and layout between two looks", worst, "ms", FRAME),
        _limited(
            f"{label}: processor, script",
            1000 * (after["ScriptDuration"] - before["ScriptDuration"]) / took,
            "ms per s",
        ),
        _limited(
            f"{label}: processor, all work of the page",
            1000 * (after["TaskDuration"] - before["TaskDuration"]) / took,
            "ms per s",
        ),
    ]


def _followed(page: Page, counted: Any) -> float:
    """Look at what was used until the message has stood there for a while; the most between two looks, in ms. A look
    takes longer than a frame, so no frame had more."""
    worst, ended, last = 0.0, 0.0, _busy(counted)
    while not ended or time.monotonic() < ended + SETTLED:
        page.wait_for_timeout(LOOK)
        now = _busy(counted)
        worst, last = max(worst, now - last), now
        if not ended and not page.locator("[data-open]").count():
            ended = time.monotonic()
    return 1000 * worst


def _busy(counted: Any) -> float:
    metrics = _metrics(counted)
    return metrics["ScriptDuration"] + metrics["LayoutDuration"] + metrics["RecalcStyleDuration"]


def _metrics(session: Any) -> dict[str, float]:
    """What Chromium counts of the page, in seconds."""
    return {one["name"]: float(one["value"]) for one in session.send("Performance.getMetrics")["metrics"]}


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _limited(name: str, value: float, unit: str, most: float | None = None) -> Figure:
    return Figure(
        benchmark="j",
        name=name,
        value=value,
        unit=unit,
        aim="" if most is None else f"≤ {most:g} {unit}",
        met=None if most is None else value <= most,
    )
