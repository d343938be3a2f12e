// A proxy on Node's `ws`: joins whoever asks, then sends frames in every way that the library knows, and closes in every way.
'use strict';

const { WebSocketServer } = require('ws');

const event = (id, body) =>
  JSON.stringify({ data: { type: 'X-DPT-CAB-ID', id, command_status: 2, body: body ?? `from ${id}` } });

/** Sends `text` in frames of `size` bytes, which cut characters in two. */
function sendInParts(socket, text, size, binary) {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) {
    socket.send(bytes.subarray(at, at + size), { binary, fin: at + size >= bytes.length });
  }
}

/** What each connection gets after its join, one after the other; then the next one is taken. */
const connections = [
  (socket) => {
    socket.send(event('text'));
    socket.send(Buffer.from(event('binary')));
    sendInParts(socket, event('text-in-parts', 'größer €'), 5, false);
    sendInParts(socket, event('binary-in-parts', 'größer €'), 7, true);
    socket.send(event('not-compressed', 'x'.repeat(4000)), { compress: true });
    socket.send(`${event('first-line')}\n${event('second-line')}\n`);
    socket.send(`[${event('first-item')},${event('second-item')}]`);
    socket.send(String.raw`{"data":{"type":"NEW","id":"secrets","password":"CANARY\ud83d","x":"https://h/?auth=CANARY\ude00"}}`);
    socket.send(Buffer.from([0, 159, 146, 150]));
    socket.ping(Buffer.from('are you there'));
    socket.close(1012, 'restart');
  },
  (socket) => {
    socket.send(event('after-1012'));
    socket.close();
  },
  (socket) => {
    socket.send(event('after-no-code'));
    socket.close(4001, 'policy');
  },
  (socket) => {
    socket.send(event('after-4001'), () => socket.terminate());
  },
  (socket) => {
    socket.send(event('end'));
  },
];

let joined = 0;
// It would compress if a client offered it.
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: { threshold: 0 } }, () => {
  console.log(server.address().port);
});

server.on('connection', (socket) => {
  socket.on('error', (error) => console.error(error.message));
  socket.on('message', (bytes, isBinary) => {
    const { action, correlationId } = JSON.parse(bytes);
    const answer = { correlationId, status: 200, data: { channelId: 'ch-1', message: 'Done.' } };
    socket.send(JSON.stringify(answer), { binary: isBinary });
    if (action === 'joinChannel') {
      connections[Math.min(joined, connections.length - 1)](socket);
      joined += 1;
    }
  });
});

// Ends with whoever started it.
process.stdin.on('end', () => process.exit(0)).resume();
