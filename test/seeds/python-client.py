# Another language's stock client: follows a run over Socket.IO, prints each event as a line of JSON, and ends when each of `last` has come.
# Its library has no recovery of Socket.IO's: on every connection it subscribes anew, and what it has seen it drops by id.
import asyncio
import json
import sys

import socketio

url, namespace, token, subscriptions, last, transports = sys.argv[1:7]
awaited = set(last.split(","))
client = socketio.AsyncClient(reconnection=True, reconnection_delay=0.2, reconnection_delay_max=0.5, randomization_factor=0)


def tell(event, data):
    print(json.dumps([event, data]), flush=True)


async def subscribe():
    tell("connect", None)
    for subscription in subscriptions.split(","):
        await client.emit("subscribe", subscription, namespace=namespace)


def listen(event):
    async def heard(data=None, *_):
        tell(event, data)
        awaited.discard(event)
        if not awaited:
            await client.disconnect()

    client.on(event, heard, namespace=namespace)


async def main():
    client.on("connect", subscribe, namespace=namespace)
    for event in sys.argv[7:]:
        listen(event)
    try:
        await client.connect(
            url, auth={"token": token}, namespaces=[namespace], transports=transports.split(","), wait_timeout=10
        )
    except socketio.exceptions.ConnectionError as error:
        tell("refused", str(error))
        sys.exit(3)
    await client.wait()


asyncio.run(main())
