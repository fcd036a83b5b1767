import { tmpdir } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import type { ServerHandle } from '../../src/host/server-handle.ts';
import { startStdioServer } from '../../src/host/stdio-server.ts';
import { eventually } from '../support/eventually.ts';

const closing: ServerHandle[] = [];
afterEach(async () => {
  await Promise.all(closing.splice(0).map((server) => server.close()));
});

/** A shell script for a server, and all that came of it. */
async function start(script: string) {
  const messages: string[] = [];
  const aside: string[] = [];
  const exits: string[] = [];
  const server = await startStdioServer(
    {
      command: 'sh',
      args: ['-c', script],
      env: { PATH: process.env.PATH ?? '' },
      cwd: tmpdir(),
      graceMs: 200,
      onStderr: (text) => aside.push(text),
    },
    { onMessage: (_message, raw) => messages.push(raw.toString()), onExit: (reason) => exits.push(reason) },
  );
  closing.push(server);
  const ended = () => eventually('it has ended', async () => exits.length > 0);
  return { server, messages, aside, exits, ended };
}
const notification = (rest: string) => `{"jsonrpc":"2.0","method":"x"${rest}}`;

describe('a server on stdio', () => {
  it('is heard line by line; what is no message is set aside', async () => {
    const lines = [notification(''), 'starting...', '[]', '', notification(',"params":{"text":"grüße 📚"}')];
    const { messages, aside, ended } = await start(`cat <<'END'\n${lines.join('\n')}\nEND`);
    await ended();
    expect(messages).toEqual([lines[0], lines[4]]);
    expect(aside.join('')).toContain('starting...');
  });

  it('may write batches and odd white space: each message is one line of its own', async () => {
    const odd = `{"jsonrpc":"2.0",\\r"method":"x"}`;
    const { messages, ended } = await start(
      `printf '[%s,%s]\\n${odd}\\r\\n' '${notification('')}' '${notification('')}'`,
    );
    await ended();
    expect(messages).toEqual(Array(3).fill(notification('')));
  });

  it('cannot bring the host down with a message that is nested too deeply to be written again', async () => {
    const deep = `${'['.repeat(10_000)}${']'.repeat(10_000)}`;
    const lines = [`[${notification(`,"params":{"x":${deep}}`)}]`, notification('')];
    const { messages, ended } = await start(`cat <<'END'\n${lines.join('\n')}\nEND`);
    await ended();
    expect(messages).toEqual([notification('')]);
  });

  it('that writes a line without end is ended', async () => {
    const { exits, ended } = await start('head -c 80000000 /dev/zero; exec sleep 30');
    await ended();
    expect(exits).toEqual([expect.stringContaining('message larger than')]);
  });

  it('that ended is gone, though a program that it started holds its output open', async () => {
    const { aside, exits, ended } = await start('sleep 30 & echo $! >&2; exit 3');
    await ended();
    expect(exits).toEqual(['exited with code 3']);
    process.kill(Number(aside.join('')));
  });

  it('that reads no more is ended', async () => {
    const { server, exits, ended } = await start('exec 0<&-; echo; exec sleep 30');
    const poke = setInterval(() => server.send(Buffer.from('{}')), 20);
    try {
      await ended();
    } finally {
      clearInterval(poke);
    }
    expect(exits).toEqual([expect.stringContaining('its input')]);
  });

  it('that does not read what it is sent is ended before the host runs out of memory', async () => {
    const { server, exits, ended } = await start('exec sleep 30');
    const payload = Buffer.alloc(8 << 20, ' ');
    for (let n = 0; n < 10; n++) server.send(payload);
    await ended();
    expect(exits).toEqual([expect.stringContaining('its input')]);
  });

  it('that ignores all requests to end is killed', async () => {
    const { server, messages } = await start(`trap '' TERM; echo '${notification('')}'; while :; do sleep 0.1; done`);
    await eventually('it runs', async () => messages.length > 0);
    await server.close();
  });
});
