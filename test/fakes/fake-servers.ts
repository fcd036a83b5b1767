import type { RequestId, RpcMessage } from '../../src/core/json-rpc.ts';
import type { ServerEvents, ServerHandle, StartServer } from '../../src/host/server-handle.ts';

/** A server of a host that says what a test tells it to say. */
export class FakeServer implements ServerHandle {
  readonly events: ServerEvents;
  /** What it was sent, parsed. */
  readonly sent: { id?: RequestId; method?: string; params?: Record<string, unknown> }[] = [];
  closed = false;

  constructor(events: ServerEvents) {
    this.events = events;
  }

  send(payload: Buffer): void {
    this.sent.push(JSON.parse(payload.toString()));
  }
  pause(): void {}
  resume(): void {}
  async close(): Promise<void> {
    this.closed = true;
  }

  /** Methods of what it was sent. */
  get methods(): (string | undefined)[] {
    return this.sent.map(({ method }) => method);
  }

  say(message: object, related?: RequestId): void {
    const whole = { jsonrpc: '2.0', ...message };
    this.events.onMessage(whole as RpcMessage, Buffer.from(JSON.stringify(whole)), related);
  }
}

/** Servers that answer `initialize` as `greeting` says: with a result, an error, or not at all. */
export class FakeServers {
  readonly started: FakeServer[] = [];
  greeting: { result?: object; error?: object } | 'silent' = { result: { capabilities: { tools: {} } } };
  /** What starting one rejects with. */
  broken: Error | undefined;

  readonly start: StartServer = async (events) => {
    if (this.broken) throw this.broken;
    const server = new FakeServer(events);
    const send = server.send.bind(server);
    server.send = (payload) => {
      send(payload);
      const { id, method } = server.sent.at(-1) ?? {};
      const { greeting } = this;
      if (method === 'initialize' && greeting !== 'silent') queueMicrotask(() => server.say({ id, ...greeting }));
    };
    this.started.push(server);
    return server;
  };

  get last(): FakeServer {
    const server = this.started.at(-1);
    if (!server) throw new Error('no server was started');
    return server;
  }
}
