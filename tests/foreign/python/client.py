"""A client as the vendor's integration guide describes one, on Python's `websockets`: it takes the first acknowledgement of a command
as its outcome and the first message about requested data as the payload. It stores and retrieves a small and a large payload, renews
its token, registers a profile, and leaves. Prints what it has done, one word a line."""

import asyncio
import base64
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request

from websockets.asyncio.client import connect

SETTINGS = json.loads(sys.argv[1])
PATIENCE = 60

# No proxy of the environment: everything is on this computer.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fetch(method, url, body=None, token=None, kind="application/x-www-form-urlencoded"):
    request = urllib.request.Request(url, data=body, method=method)
    if token:
        request.add_header("X-DPT-AUTHORIZATION", token)
    if body is not None:
        request.add_header("Content-Type", kind)
    try:
        with opener.open(request, timeout=PATIENCE) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


class Engine:
    """The REST API, for one token."""

    def __init__(self, token=None):
        self.token = token

    async def call(self, method, path, fields=None, expected=200):
        body = None if fields is None else urllib.parse.urlencode(fields).encode()
        status, headers, text = await asyncio.to_thread(fetch, method, SETTINGS["api"] + path, body, self.token)
        assert status == expected, f"{method} {path}: {status} {text}"
        return headers, json.loads(text) if text else None

    async def send(self, path, fields):
        headers, body = await self.call("POST", path, fields, expected=202)
        assert body["commandId"] == headers["x-dpt-cab-id"]
        return body["commandId"]

    async def sign_in(self, username, password):
        _, body = await self.call("POST", "/profile/authenticate", {"username": username, "password": password})
        self.token = body["authorizationToken"]

    async def poll(self, command):
        """Asks for a command, without a token, until it is done."""
        for _ in range(600):
            _, body = await Engine().call("POST", f"/request-status/{command}", {})
            status = body[0] if isinstance(body, list) else body
            if status == "succeeded":
                return
            assert status == "started", status
            await asyncio.sleep(0.05)
        raise AssertionError(f"{command} was never done")


class Channel:
    """A joined connection, and the first message about each thing."""

    def __init__(self, socket):
        self.socket = socket
        self.firsts = {}
        self.replies = asyncio.Queue()
        self.reading = asyncio.create_task(self.read())

    def first(self, kind, name):
        return self.firsts.setdefault((kind, name), asyncio.get_running_loop().create_future())

    async def read(self):
        async for text in self.socket:
            assert isinstance(text, str), "a message came in a binary frame"
            message = json.loads(text)
            if isinstance(message.get("status"), int):
                await self.replies.put(message)
                continue
            data = message["data"]
            first = self.first(data["type"], data.get("id") or data.get("requestId"))
            if not first.done():
                first.set_result(data)

    async def ask(self, action, data):
        await self.socket.send(json.dumps({"action": action, "data": data}))
        reply = await asyncio.wait_for(self.replies.get(), PATIENCE)
        assert reply["status"] == 200, reply
        return reply["data"]

    async def message(self, kind, name):
        return await asyncio.wait_for(asyncio.shield(self.first(kind, name)), PATIENCE)

    async def command(self, name):
        """The guide's rule: 2 is done, and anything else is an error, 1 as well."""
        data = await self.message("X-DPT-CAB-ID", name)
        if data["command_status"] != 2:
            raise RuntimeError(f"{name} ended with {data['command_status']}: {data['body']}")


async def store(engine, channel, payload, small):
    reserved = await engine.send("/data-token/reserve-token-space", {"context": "uploads", "ttl": 5})
    await channel.command(reserved)
    _, space = await engine.call("GET", f"/data-token/retrieve-temporary-data-token/{reserved}")
    if small:
        fields = {"temporaryTokenSpace": space["token"], "data": base64.b64encode(payload).decode()}
        await channel.command(await engine.send("/data-token/exchange-data-for-token", fields))
    else:
        status, _, _ = await asyncio.to_thread(fetch, "POST", space["stream"], payload, None, "application/octet-stream")
        assert status == 200, status
    meta = {"token": space["token"], "fileName": "report", "extension": "bin", "context": "reports/2026", "size": len(payload), "path": "/"}
    _, body = await engine.call("POST", "/data-token/configure-file-meta", meta)
    assert body["token"].startswith("dtk-"), body
    return body["token"]


async def retrieve(engine, channel, token, small):
    headers, _ = await engine.call("POST", "/data-token/request-data", {"token": token}, expected=202)
    request = headers["x-dpt-cab-request-id"]
    first = await channel.message("X-DPT-CAB-REQUEST-ID", request)
    assert first["output_type"] == (0 if small else 1), first["output_type"]
    await channel.command(headers["x-dpt-cab-id"])
    if small:
        return base64.b64decode(first["body"], validate=True)
    await channel.message("STREAM-READY", request)
    link = f"{SETTINGS['downstream']}/?auth={first['body']}"
    status, _, payload = await asyncio.to_thread(fetch, "GET", link)
    assert status == 200, status
    status, _, _ = await asyncio.to_thread(fetch, "GET", link)
    assert status >= 400, "a link worked twice"
    return payload


def done(what):
    print(what, flush=True)


async def main():
    engine = Engine()
    await engine.sign_in(SETTINGS["username"], SETTINGS["password"])
    async with connect(SETTINGS["ws"], proxy=None) as socket:
        channel = Channel(socket)
        joined = await channel.ask("joinChannel", {"authorizationToken": engine.token})
        done("joined")
        for name, payload, small in [("inline", os.urandom(500), True), ("streamed", os.urandom(300_000), False)]:
            token = await store(engine, channel, payload, small)
            done(f"stored-{name}")
            assert await retrieve(engine, channel, token, small) == payload, "other bytes came back"
            done(f"retrieved-{name}")

        failing = await engine.send("/device/approve-device", {"deviceId": "dev-unknown"})
        try:
            await channel.command(failing)
            raise AssertionError("it did not fail")
        except RuntimeError as error:
            assert "ended with 3: device.not_found" in str(error), error
        done("rejected")

        old = engine.token
        _, body = await engine.call("POST", "/profile/reauthorize-authorization-token", {"ttl": 600})
        engine.token = body["authorizationToken"]
        await Engine(old).call("GET", "/profile/retrieve-profile-id", expected=401)
        await engine.call("GET", "/profile/retrieve-profile-id")
        done("renewed")
        await channel.ask("leaveChannel", {"channelId": joined["channelId"]})
        done("left")
        channel.reading.cancel()

    fresh = {"username": f"new-{os.getpid()}@example.com", "password": "correct-horse"}
    engine = Engine()
    await engine.poll(await engine.send("/profile/register-profile", fresh))
    await engine.sign_in(**fresh)
    await engine.poll(await engine.send("/public-key/register-public-key", {"publicKey": os.urandom(100).hex()}))
    await engine.call("GET", "/data-token/list-data-tokens")
    done("registered")


asyncio.run(main())
