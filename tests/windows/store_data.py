#!/usr/bin/env python3
"""Stores a file in a sandbox and requests it, so that its link arrives on the profile's channel.

    store_data.py API FILE          prints the id of the request

The steps are those of the vendor's guide for files that are too large for a message.
"""

import json
import sys
import time
import urllib.request


def call(url, fields=None, token=None, body=None):
    headers = {"Accept": "application/json"}
    if token:
        headers["X-DPT-AUTHORIZATION"] = token
    if fields is not None:
        body = json.dumps(fields).encode()
        headers["Content-Type"] = "application/json"
    elif body is not None:
        headers["Content-Type"] = "application/octet-stream"
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60) as answer:
        text = answer.read()
        return answer.headers, json.loads(text) if text.startswith(b"{") else {}


def main():
    api, path = sys.argv[1:]
    with open(path, "rb") as file:
        payload = file.read()
    _, signed_in = call(f"{api}/profile/authenticate", {"username": "demo@example.com", "password": "demo"})
    token = signed_in["authorizationToken"]
    headers, _ = call(f"{api}/data-token/reserve-token-space", {"context": "tests", "ttl": 5}, token)
    command = headers["x-dpt-cab-id"]
    for _ in range(600):
        _, status = call(f"{api}/request-status/{command}", token=token)
        if status.get("status", status.get("command_status")) not in (0, 1, "pending", "started"):
            break
        time.sleep(0.1)
    _, space = call(f"{api}/data-token/retrieve-temporary-data-token/{command}", token=token)
    call(space["stream"], body=payload)
    meta = {"token": space["token"], "fileName": "report", "extension": "bin", "context": "tests", "size": len(payload), "path": "/"}
    _, stored = call(f"{api}/data-token/configure-file-meta", meta, token)
    headers, _ = call(f"{api}/data-token/request-data", {"token": stored["token"]}, token)
    print(headers["x-dpt-cab-request-id"])


main()
