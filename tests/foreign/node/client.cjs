// A client as the vendor's integration guide describes one, on Node's `ws`: it takes the first acknowledgement of a command as its
// outcome and the first message about requested data as the payload. It stores and retrieves a small and a large payload, renews its
// token, registers a profile, and leaves. Prints what it has done, one word a line; ends with 1 at the first thing that is not as
// the guide says.
'use strict';

const assert = require('node:assert');
const { createCipheriv, createDecipheriv, randomBytes } = require('node:crypto');
const WebSocket = require('ws');

const { api, ws, downstream, username, password } = JSON.parse(process.argv[2]);
const PATIENCE = 60_000;
const KEY = randomBytes(32);

let token;

/** Calls the REST API with a form. Returns the answer and its body. */
async function call(method, path, fields, { as = token, expected = 200 } = {}) {
  const headers = as === undefined ? {} : { 'X-DPT-AUTHORIZATION': as };
  const body = fields === undefined ? undefined : new URLSearchParams(fields);
  const answer = await fetch(api + path, { method, headers, body });
  const text = await answer.text();
  assert.strictEqual(answer.status, expected, `${method} ${path}: ${answer.status} ${text}`);
  return { answer, body: text === '' ? null : JSON.parse(text) };
}

/** Sends a command. Returns its id. */
async function send(path, fields) {
  const { answer, body } = await call('POST', path, fields, { expected: 202 });
  const id = answer.headers.get('x-dpt-cab-id');
  assert.strictEqual(body.commandId, id);
  return id;
}

/** The first message about each thing, whether it was awaited before it came or after. */
class Firsts {
  arrived = new Map();
  awaited = new Map();

  offer(id, message) {
    if (this.arrived.has(id)) return;
    this.arrived.set(id, message);
    this.awaited.get(id)?.(message);
  }

  async of(id) {
    if (this.arrived.has(id)) return this.arrived.get(id);
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`nothing came for ${id} in a minute`)), PATIENCE);
    });
    const first = new Promise((resolve) => this.awaited.set(id, resolve));
    return Promise.race([first, late]).finally(() => clearTimeout(timer));
  }
}

/** A connection to the proxy. */
class Channel {
  acknowledgements = new Firsts();
  payloads = new Firsts();
  streams = new Firsts();
  replies = [];

  constructor() {
    this.socket = new WebSocket(ws);
    this.opened = new Promise((resolve, reject) => this.socket.on('open', resolve).on('error', reject));
    this.closed = new Promise((resolve) => this.socket.on('close', (code) => resolve(code)));
    this.socket.on('message', (bytes, isBinary) => {
      assert(!isBinary, 'a message came in a binary frame');
      const message = JSON.parse(bytes);
      if (typeof message.status === 'number') {
        this.replies.shift()(message);
        return;
      }
      const { type, id } = message.data;
      if (type === 'X-DPT-CAB-ID') this.acknowledgements.offer(id, message.data);
      else if (type === 'X-DPT-CAB-REQUEST-ID') this.payloads.offer(id, message.data);
      else if (type === 'STREAM-READY') this.streams.offer(id ?? message.data.requestId, message.data);
    });
  }

  ask(action, data) {
    const reply = new Promise((resolve) => this.replies.push(resolve));
    this.socket.send(JSON.stringify({ action, data }));
    return reply;
  }

  async join() {
    await this.opened;
    const { status, data } = await this.ask('joinChannel', { authorizationToken: token });
    assert.strictEqual(status, 200);
    this.id = data.channelId;
  }

  async leave() {
    const { status } = await this.ask('leaveChannel', { channelId: this.id });
    assert.strictEqual(status, 200);
    this.socket.close(1000);
    assert.strictEqual(await this.closed, 1000);
  }

  /** The guide's rule: 2 is done, and anything else is an error, 1 as well. */
  async awaitCommand(id) {
    const { command_status: status, body } = await this.acknowledgements.of(id);
    if (status !== 2) throw new Error(`${id} ended with ${status}: ${body}`);
  }
}

/** IV, ciphertext and tag of AES-256-GCM. */
function seal(payload) {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', KEY, iv);
  return Buffer.concat([iv, cipher.update(payload), cipher.final(), cipher.getAuthTag()]);
}

function open(sealed) {
  const decipher = createDecipheriv('aes-256-gcm', KEY, sealed.subarray(0, 12));
  decipher.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]);
}

/** Stores a payload: in the call itself if it is small, otherwise through the stream. Returns its data token. */
async function store(channel, payload, isSmall) {
  const reserved = await send('/data-token/reserve-token-space', { context: 'uploads', ttl: 5 });
  await channel.awaitCommand(reserved);
  const { body: space } = await call('GET', `/data-token/retrieve-temporary-data-token/${reserved}`);
  const sealed = seal(payload);
  if (isSmall) {
    const fields = { temporaryTokenSpace: space.token, data: sealed.toString('base64') };
    await channel.awaitCommand(await send('/data-token/exchange-data-for-token', fields));
  } else {
    const headers = { 'Content-Type': 'application/octet-stream' };
    const answer = await fetch(space.stream, { method: 'POST', headers, body: sealed });
    assert(answer.ok, `the upload was answered with ${answer.status}`);
  }
  const meta = { token: space.token, fileName: 'report', extension: 'bin', context: 'reports/2026', size: payload.length, path: '/' };
  const { body } = await call('POST', '/data-token/configure-file-meta', meta);
  assert(body.token.startsWith('dtk-'), body.token);
  return body.token;
}

/** Requests data and returns it, opened. */
async function retrieve(channel, dataToken, isSmall) {
  const { answer } = await call('POST', '/data-token/request-data', { token: dataToken }, { expected: 202 });
  const request = answer.headers.get('x-dpt-cab-request-id');
  const first = await channel.payloads.of(request);
  assert.strictEqual(first.output_type, isSmall ? 0 : 1);
  await channel.awaitCommand(answer.headers.get('x-dpt-cab-id'));
  if (isSmall) return open(Buffer.from(first.body, 'base64'));
  await channel.streams.of(request);
  const link = `${downstream}/?auth=${first.body}`;
  const download = await fetch(link);
  assert.strictEqual(download.status, 200);
  const sealed = Buffer.from(await download.arrayBuffer());
  assert(!(await fetch(link)).ok, 'a link worked twice');
  return open(sealed);
}

/** Polls a command without a token until it is done. */
async function poll(id) {
  for (let round = 0; round < 600; round += 1) {
    const { body } = await call('POST', `/request-status/${id}`, {}, { as: undefined });
    const [status] = [body].flat();
    if (status === 'succeeded') return;
    assert.strictEqual(status, 'started');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${id} was never done`);
}

async function signIn(name, secret) {
  const { body } = await call('POST', '/profile/authenticate', { username: name, password: secret }, { as: undefined });
  return body.authorizationToken;
}

async function main() {
  const done = (what) => console.log(what);
  token = await signIn(username, password);
  const channel = new Channel();
  await channel.join();
  done('joined');

  for (const [name, payload, isSmall] of [
    ['inline', Buffer.from('a small payload'), true],
    ['streamed', randomBytes(300_000), false],
  ]) {
    const dataToken = await store(channel, payload, isSmall);
    done(`stored-${name}`);
    assert((await retrieve(channel, dataToken, isSmall)).equals(payload), 'other bytes came back');
    done(`retrieved-${name}`);
  }

  const failing = await send('/device/approve-device', { deviceId: 'dev-unknown' });
  await assert.rejects(channel.awaitCommand(failing), /ended with 3: device\.not_found/);
  done('rejected');

  const old = token;
  const { body } = await call('POST', '/profile/reauthorize-authorization-token', { ttl: 600 });
  token = body.authorizationToken;
  await call('GET', '/profile/retrieve-profile-id', undefined, { as: old, expected: 401 });
  await call('GET', '/profile/retrieve-profile-id');
  done('renewed');
  await channel.leave();
  done('left');

  const fresh = { username: `new-${process.pid}@example.com`, password: 'correct-horse' };
  token = undefined;
  await poll(await send('/profile/register-profile', fresh));
  token = await signIn(fresh.username, fresh.password);
  await poll(await send('/public-key/register-public-key', { publicKey: randomBytes(100).toString('hex') }));
  await call('GET', '/data-token/list-data-tokens');
  done('registered');
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
