"""A proxy on Python's `websockets`: joins whoever asks, then sends frames in every way that the library knows, and closes in every way."""

import asyncio
import json
import os
import sys

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed


def event(name, body=None):
    data = {"type": "X-DPT-CAB-ID", "id": name, "command_status": 2, "body": body or f"from {name}"}
    return json.dumps({"data": data})


async def close(socket, *why):
    await socket.close(*why)
    if socket.protocol.close_rcvd is None:
        print("the client did not answer the close", file=sys.stderr)
        os._exit(1)


async def first(socket):
    await socket.send(event("text"))
    await socket.send(event("binary").encode())
    # Lists are sent in fragments.
    text = event("text-in-parts", "größer €")
    await socket.send([text[at:at + 5] for at in range(0, len(text), 5)])
    whole = json.dumps({"data": {"type": "X-DPT-CAB-ID", "id": "binary-in-parts", "command_status": 2, "body": "größer €"}},
                       ensure_ascii=False).encode()
    await socket.send([whole[at:at + 7] for at in range(0, len(whole), 7)])
    await socket.send(event("not-compressed", "x" * 4000))
    await socket.send(event("half-an-emoji", "x\ud83d"))
    await socket.send(event("first-line") + "\n" + event("second-line") + "\n")
    await socket.send("[" + event("first-item") + "," + event("second-item") + "]")
    await socket.send(json.dumps({"data": {"type": "NEW", "id": "secrets", "password": "CANARY\ud83d", "x": "https://h/?auth=CANARY\ude00"}}))
    await socket.send(bytes([0, 159, 146, 150]))
    await socket.ping("are you there")
    await close(socket, 1012, "restart")


async def second(socket):
    await socket.send(event("after-1012"))
    await close(socket)


async def third(socket):
    await socket.send(event("after-no-code"))
    await close(socket, 4001, "policy")


async def fourth(socket):
    await socket.send(event("after-4001"))
    socket.transport.close()


async def last(socket):
    await socket.send(event("end"))


CONNECTIONS = [first, second, third, fourth]
joined = 0


async def handle(socket):
    try:
        await answer(socket)
    except ConnectionClosed:
        pass


async def answer(socket):
    global joined
    async for message in socket:
        asked = json.loads(message)
        reply = {"correlationId": asked["correlationId"], "status": 200, "data": {"channelId": "ch-1", "message": "Done."}}
        await socket.send(json.dumps(reply))
        if asked["action"] == "joinChannel":
            send = CONNECTIONS[joined] if joined < len(CONNECTIONS) else last
            joined += 1
            await send(socket)


async def main():
    # It compresses if a client offers it, which is the library's default.
    async with serve(handle, "127.0.0.1", 0) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        # Ends with whoever started it.
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        # Nobody is waited for.
        os._exit(0)


asyncio.run(main())
