"""The floor of g: asyncio and aiohttp alone read the same streams and do nothing with them.

`python -m benchmarks.floor_streams <base URL> <streams> <tokens>`, in the floors' environment; prints JSON."""

import asyncio
import json
import sys
import time
from typing import Any

import aiohttp
import uvloop


async def _read(session: aiohttp.ClientSession, url: str, tokens: int, late: list[float]) -> None:
    body = {"model": f"gate-{tokens}", "stream": True, "messages": [{"role": "user", "content": "Count."}]}
    async with session.post(f"{url}/chat/completions", json=body) as answer:
        async for line in answer.content:
            if line.startswith(b"data: {"):
                choices = json.loads(line[6:])["choices"]
                if choices and choices[0]["delta"]:
                    said = int(choices[0]["delta"]["content"])
                    late.append((int(time.monotonic() * 100_000) - said) % 10**8 / 100)


async def main(url: str, streams: int, tokens: int) -> dict[str, Any]:
    """Wall and processor seconds from the opening of the gate to the last end; each token's lateness in ms."""
    late: list[float] = []
    root = url.removesuffix("/v1")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        reading = [asyncio.create_task(_read(session, url, tokens, late)) for _ in range(streams)]
        waiting = 0
        while waiting < streams:
            await asyncio.sleep(0.05)
            async with session.get(f"{root}/waiting") as answer:
                waiting = int(await answer.text())
        began, used = time.monotonic(), time.process_time()
        async with session.get(f"{root}/release") as answer:
            await answer.text()
        await asyncio.gather(*reading)
    return {"wall": time.monotonic() - began, "processor": time.process_time() - used, "late": late}


if __name__ == "__main__":
    print(json.dumps(uvloop.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))))
