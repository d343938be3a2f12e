"""A client of a profile that is not this program: joins, says "joined", prints what it receives, leaves when its input ends."""

import asyncio
import json
import sys
import uuid

import websockets


async def main(url, token):
    async with websockets.connect(url) as socket:
        correlation = str(uuid.uuid4())
        await socket.send(json.dumps({
            "action": "joinChannel",
            "correlationId": correlation,
            "data": {"authorizationToken": token, "correlationId": correlation},
        }))
        reply = json.loads(await socket.recv())
        assert reply["status"] == 200, reply
        print("joined", flush=True)

        async def receive():
            async for message in socket:
                if "status" in json.loads(message):
                    # The answer to leaveChannel: nothing comes after it, and what came before has been printed.
                    return
                print(message, flush=True)

        receiving = asyncio.create_task(receive())
        await asyncio.to_thread(sys.stdin.read)
        await socket.send(json.dumps({"action": "leaveChannel", "data": {"channelId": reply["data"]["channelId"]}}))
        await receiving


asyncio.run(main(*sys.argv[1:]))
