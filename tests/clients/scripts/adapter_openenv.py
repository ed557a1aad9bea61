"""The server of stillweb_openenv on a socket, and sessions with it: two of its own client at once, one of OpenEnv's."""

import asyncio
import json
import socket
import threading

import uvicorn
from openenv.core import GenericEnvClient
from openenv.core.env_server import create_app
from stillweb_openenv import StillwebEnv, WebAction, WebEnvironment, WebObservation, app

PAGE = "https://www.cia.gov/the-world-factbook/countries/liechtenstein/"
CALLS = (
    WebAction(tool="search", arguments={"query": "doubly landlocked principality in the Alps"}),
    WebAction(tool="fetch", arguments={"url": PAGE}),
    WebAction(tool="fetch", arguments={"page": 2}),
    WebAction(tool="answer", arguments={"answer": "Principality of Liechtenstein"}),
)


def narrow():
    """The same server as OpenEnv makes it where nothing is said of sessions."""
    return create_app(WebEnvironment, WebAction, WebObservation, env_name="stillweb")


def serve(app):
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    server = uvicorn.Server(uvicorn.Config(app, factory=True, log_level="warning"))
    threading.Thread(target=server.run, args=([listening],), daemon=True).start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


async def session(url, meet):
    async with StillwebEnv(base_url=url) as env:
        begun = await env.reset(task="alps")
        await meet.wait()  # both are open before either goes on
        told = {"question": begun.observation.text, "texts": [], "rewards": [], "done": []}
        for action in CALLS:
            seen = await env.step(action)
            told["texts"].append(seen.observation.text)
            told["rewards"].append(seen.reward)
            told["done"].append(seen.done)
        told["steps"] = (await env.state()).step_count
        return told


async def failing(call):
    try:
        await call
    except (ConnectionError, RuntimeError) as error:
        return str(error)
    return "no error"


async def one_too_many(url):
    async with StillwebEnv(base_url=url) as first:
        await first.reset(task="danube")
        async with StillwebEnv(base_url=url) as second:
            return await failing(second.reset(task="danube"))


async def main(url, single):
    meet = asyncio.Barrier(2)
    sessions = await asyncio.gather(session(url, meet), session(url, meet))
    async with StillwebEnv(base_url=url) as env:
        after = await failing(env.step(CALLS[0]))
        by_seed = (await env.reset(seed=1)).observation.task
        unknown = await failing(env.reset(task="nothing"))
    async with GenericEnvClient(base_url=url) as env:
        await env.reset(task="alps")
        wrong = await env.step({"tool": "answer", "arguments": {"answer": "Andorra"}})
    generic = {"reward": wrong.reward, "done": wrong.done}
    refused = await one_too_many(single)
    return {
        "refused": refused,
        "sessions": sessions,
        "after": after,
        "by_seed": by_seed,
        "unknown": unknown,
        "generic": generic,
    }


print(json.dumps(asyncio.run(main(serve(app), serve(narrow)))))
