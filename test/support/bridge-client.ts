import { PassThrough } from 'node:stream';
import { runCli } from '../../src/cli/main.ts';
import type { FakeManager } from '../fakes/fake-manager.ts';
import { cliIo } from './cli-io.ts';
import { eventually } from './eventually.ts';

/** What every client says first. */
export const INITIALIZE = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
};
const INITIALIZED = { jsonrpc: '2.0', method: 'notifications/initialized' };
/** A call of a tool. */
export const call = (id: number | string, name = 'x') => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name },
});
/** A request of 2026-07-28. */
export const modern = (id: number | string, method: string, params: object = {}) => ({
  jsonrpc: '2.0',
  id,
  method,
  params: {
    ...params,
    _meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  },
});
/** Takes a request back. */
export const cancelled = (id: number | string) => ({
  jsonrpc: '2.0',
  method: 'notifications/cancelled',
  params: { requestId: id },
});
/** A notification that belongs to a call. */
export const progress = (n: number) => ({ jsonrpc: '2.0', method: 'notifications/progress', params: { progress: n } });

/** A client's side of the bridge, which runs in this process. */
export class BridgeClient {
  readonly #manager: FakeManager;
  readonly #stdin = new PassThrough();
  #exit: Promise<number> | undefined;
  #written: { stdout: string; stderr: string } | undefined;

  constructor(manager: FakeManager) {
    this.#manager = manager;
  }

  start(env: Record<string, string> = {}, args: string[] = []): this {
    const { io, written } = cliIo({ stdin: this.#stdin, env: { ...this.#manager.env, ...env } });
    this.#written = written;
    this.#exit = runCli(['connect', ...args], io);
    return this;
  }

  send(...messages: object[]): void {
    for (const message of messages) this.#stdin.write(`${JSON.stringify(message)}\n`);
  }

  sendText(text: string): void {
    this.#stdin.write(text);
  }

  async initialize(initialize: object = INITIALIZE): Promise<void> {
    this.send(initialize);
    await this.answer(0);
    this.send(INITIALIZED);
    // The stream is opened when the notification has been taken.
    await eventually('the stream', async () => this.#manager.requests('GET', '/mcp').length > 0);
  }

  // biome-ignore lint/suspicious/noExplicitAny: tests look into it
  get messages(): any[] {
    return (this.#written?.stdout ?? '').split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));
  }

  get stderr(): string {
    return this.#written?.stderr ?? '';
  }

  answer(id: number | string) {
    return eventually(`an answer to ${id}`, async () => this.messages.find((m) => m.id === id && !('method' in m)));
  }

  async end(): Promise<number | undefined> {
    this.#stdin.end();
    return this.#exit;
  }
}
