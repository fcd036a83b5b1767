import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { clientConfig } from '../../src/cli/mcp-config/client-config.ts';
import { merge } from '../../src/cli/mcp-config/merge-config.ts';
import { oneLine } from '../../src/cli/text.ts';
import { authorityOf, egressTemplateOf } from '../../src/core/egress.ts';
import { isConnectionId, isServerName, isSessionId, sessionIdOf, streamOf } from '../../src/core/ids.ts';
import { parseEventId } from '../../src/gateway/mcp/event-id.ts';
import { accepts, bearer } from '../../src/gateway/mcp/guards.ts';
import { tokenOf } from '../../src/servers/proxmox/credential.ts';
import { globOf } from '../../src/servers/proxmox/glob.ts';
import { errorOf } from '../../src/servers/proxmox/pve-error.ts';
import { parseCreateSession } from '../../src/sessions/create-session.ts';

/**
 * Linear work on inputs of this size takes milliseconds; what goes over them again for each character, far longer than the limit,
 * which is above any stall of the machine.
 */
const SIZE = 400_000;
const LIMIT_MS = 10_000;

const claude = clientConfig('claude', { launcher: '/m', manager: 'http://127.0.0.1' });
const codex = clientConfig('codex', { launcher: '/m', manager: 'http://127.0.0.1' });
const credential = { kind: 'token', variable: 'T', id: 'a@pam!b', secret: 's' } as const;
const target = { name: 'main', origin: 'https://pve.test', verifySsl: true, timeoutMs: 1, credential };
const terminal = { name: 'a', host: 'b' };

/** Whatever looks with a regular expression, or another pattern, at what somebody else wrote. */
const READERS: Readonly<Record<string, (text: string) => unknown>> = {
  'ids of sessions, connections and servers': (text) => [isSessionId(text), isConnectionId(text), isServerName(text)],
  'the name of a terminal': (text) => sessionIdOf(Buffer.alloc(32), 'o', text, text),
  'an idempotency key': streamOf,
  'Last-Event-ID': (text) => [parseEventId(text), parseEventId(`*${text}`), parseEventId(`a.b.1.${text}`)],
  Accept: (text) => accepts(text, 'text/event-stream'),
  Authorization: (text) => bearer({ authorization: `Bearer ${text}` }),
  'a new session': (text) =>
    parseCreateSession(
      { terminal: { name: text, host: text }, workspace: text, variables: { [text]: text } },
      new Map(),
    ),
  'its workspace': (text) => parseCreateSession({ terminal, workspace: text }, new Map()),
  'an egress authority': (text) => [authorityOf(text), authorityOf(`${text}:1`), egressTemplateOf(text)],
  'what a server said, for a terminal': oneLine,
  'an error of Proxmox': (text) =>
    errorOf(target, '/x', { status: 403, reason: '', body: JSON.stringify({ message: text }) }),
  'a token of Proxmox': (text) => tokenOf(text, 'a@pam'),
  'names of snapshots': globOf(`${'*a'.repeat(39)}*b`),
  "a project's .mcp.json": (text) => [
    merge(`{${text}}`, claude),
    merge(`{"x":1${text.trim() === '' ? text : ''}}`, claude),
  ],
  "a project's .codex/config.toml": (text) => [merge(`a = 1${text}b = 2`, codex), merge(text, codex)],
};
const PUMPS = [
  ' ',
  '\t',
  '\n',
  ' \n',
  '\r\n',
  'a',
  '0',
  '-',
  '_',
  '.',
  'a.',
  'a .',
  '=',
  '!',
  'a=',
  '/',
  '(/',
  '(/a, ',
  '[',
  '["',
  ']',
  '"',
  "'",
  ',',
  ', ',
  ';',
  'q=0;',
  ':',
  '1:',
  '${',
  '${env:',
  '{',
  '%',
  '\x1b[',
  '\u009b',
  'é',
];

it.each(Object.keys(READERS))('[attack.19] %s is read in time that grows with its length', (name) => {
  const read = READERS[name] as (text: string) => unknown;
  for (const pump of PUMPS) {
    const text = pump.repeat(SIZE / pump.length);
    const run = () => {
      for (const hostile of [text, `${text}\0`, `x${text}!`]) {
        try {
          read(hostile);
        } catch (error) {
          if ((error as { code?: string }).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
        }
      }
    };
    expect(() => runInNewContext('run()', { run }, { timeout: LIMIT_MS }), JSON.stringify(pump)).not.toThrow();
  }
});
