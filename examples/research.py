"""A small research plan as a graph: six prompts in a diamond, one way taken by condition, two at a time.

    python examples/research.py [--owner USERNAME] [--provider NAME --model NAME] [TOPIC]

Runs on Parley's own database (that of `make run`, if it runs), answers in this process, and needs no key: the `echo`
provider says back what it is asked. With --owner the session is that user's, who can watch its graph in the page."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django
import msgspec

django.setup()

from asgiref.sync import sync_to_async  # noqa: E402
from django.conf import settings  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402

from sessions_app.facade import Session  # noqa: E402
from sessions_app.orchestration.spec import NodeSpec  # noqa: E402
from sessions_app.values import SessionConfig  # noqa: E402

GRAPH = msgspec.json.decode((Path(__file__).parent / "research.json").read_bytes())
"""The graph as `POST sessions/{id}/graphs/` takes it."""
NODES = msgspec.convert(GRAPH["nodes"], list[NodeSpec])


async def main(asked: argparse.Namespace) -> None:
    """Run the graph, say how it goes, keep the report as an artifact."""
    owner = await sync_to_async(User.objects.get)(username=asked.owner) if asked.owner else None
    config = SessionConfig(provider=asked.provider, model=asked.model)
    async with await Session.create_default(os.environ.get("API_KEY"), config=config, owner=owner) as session:
        more = {"max_parallel": GRAPH["max_parallel"], "variables": {"topic": asked.topic}}
        graph = await session.execute_graph(NODES, name=GRAPH["name"], **more)
        print(f"watch it: {settings.PUBLIC_URL.rstrip('/')}/sessions/{session.id}/graphs/{graph}/")
        done = await session.wait(graph)
        for node in done["nodes"]:
            print(f"{node['key']:<12} {node['state']:<10} {node['reason']}")
        report = next(node for node in done["nodes"] if node["key"] == "report")
        told = await session.get_conversation_history(report["id"], max_depth=1)
        text = told[-1]["node"]["output"]
        kept = await session.store_artifact("report.md", text, "text/markdown", {"graph": str(graph)})
        print(f"{done['state']}; {kept['name']} v{kept['version']}, {kept['size']} bytes, artifact {kept['id']}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("topic", nargs="?", default="event-sourced chat servers")
    parser.add_argument("--owner", help="name of the user whose session it is")
    parser.add_argument("--provider", default="echo")
    parser.add_argument("--model", default="echo")
    asyncio.run(main(parser.parse_args()))
