import type { FollowMode } from '../../../core/channel.ts';
import type { ConnectionRecord } from '../../../core/connection.ts';
import { errorTypeOf } from '../../../core/error-type.ts';
import { AppError, asAppError } from '../../../core/errors.ts';
import { HostRefused } from '../../../core/host-link.ts';
import type { ServerName } from '../../../core/ids.ts';
import { isResponse, type RpcMessage, rpcError } from '../../../core/json-rpc.ts';
import { serverOf } from '../../../core/session.ts';
import type { Conversation } from '../conversation.ts';
import type { RequestCursor, StandaloneCursor } from '../event-id.ts';
import type { IncomingNotice, IncomingRequest } from '../incoming.ts';
import type { LiveSession } from '../live-session.ts';
import { postCancellation, postNotice } from '../notice.ts';
import { postOut, tell, tellOutcome } from '../out.ts';
import { rewritten } from '../raw-json.ts';
import type { Reply } from '../reply.ts';
import { RequestStream } from '../request-stream.ts';
import { type ConversationOptions, newTarget } from '../single-conversation.ts';
import { type StandaloneReply, StandaloneStream } from '../standalone-stream.ts';
import type { Target } from '../target.ts';
import { ask, type Question } from './ask.ts';
import { type Greeting, mergeGreetings, serverInfo } from './greeting.ts';
import { decodeCursor, type ListAnswer, type ListMethod, listMethod, mergeLists } from './lists.ts';
import { splitId } from './names.ts';
import { patiently } from './patience.ts';
import { route } from './route.ts';
import { translator } from './translate.ts';

export interface AggregateOptions extends ConversationOptions {
  /** The session, as it is at the moment: servers may come and go. */
  readonly live: LiveSession;
  /** Of this program, for `serverInfo`. */
  readonly version: string;
}

/** A client that talks to all servers of its session at once (names: aggregate/names.ts). */
export class AggregateConversation implements Conversation {
  readonly record: ConnectionRecord;
  readonly #options: AggregateOptions;
  readonly #targets = new Map<ServerName, Target>();
  /** False until the client was told of an initialization. */
  #greeted: boolean;
  readonly #streams = new Set<StandaloneStream>();
  /** The session's servers when somebody last looked whether they have changed. */
  #before: readonly ServerName[];

  constructor(options: AggregateOptions, record: ConnectionRecord, greeted: boolean) {
    this.#options = options;
    this.record = record;
    this.#greeted = greeted;
    this.#before = this.#servers();
  }

  get serverInfo(): object {
    return serverInfo(this.#options.version);
  }

  /** One server that is down does not take the others with it: its absence is told in the instructions. */
  async initialize(): Promise<object> {
    const { reach } = this.#options;
    const greetings = await Promise.all(
      this.#servers().map(async (server): Promise<Greeting> => {
        const target = this.#target(server);
        try {
          await patiently(this.#options, server, () => reach.to(target));
          return { server, facts: target.facts ?? { capabilities: {} } };
        } catch (error) {
          return {
            server,
            error: error instanceof HostRefused ? new AppError('server.failed', error.message) : asAppError(error),
          };
        }
      }),
    );
    const failures = greetings.filter((greeting) => 'error' in greeting);
    if (failures[0] && failures.length === greetings.length) throw failures[0].error;
    this.#greeted = true;
    // Those that were absent too: the client is not going to say again that it is initialized.
    for (const target of this.#targets.values()) target.resume = true;
    return mergeGreetings(greetings, this.record.protocolVersion, this.#options.version);
  }

  request(incoming: IncomingRequest, reply: Reply): void {
    const { id } = incoming.message;
    const merged = this.#merged(incoming);
    if (merged) {
      merged
        .then((result) => reply.json(200, JSON.stringify({ jsonrpc: '2.0', id, result })))
        .catch((error: unknown) => reply.fail(asAppError(error), id));
      return;
    }
    const { server, incoming: own } = this.#routed(incoming);
    const stream = new RequestStream(this.#options.reach, this.#target(server), reply, translator(server));
    stream.post(own, this.record.protocolVersion);
  }

  async post(incoming: IncomingRequest): Promise<void> {
    const { id } = incoming.message;
    const failure = (cause: unknown): RpcMessage => {
      const error = asAppError(cause);
      return rpcError(id, error.rpcCode, error.message, error.data);
    };
    const merged = this.#merged(incoming);
    if (merged) {
      // No host knows of it before it is answered: were this gateway to end, nobody could go on with it.
      const answer = await merged.then(
        (result): RpcMessage => ({ jsonrpc: '2.0', id, result: { ...result } }),
        (cause: unknown) => {
          incoming.operation?.failing(errorTypeOf(asAppError(cause).code));
          return failure(cause);
        },
      );
      await this.tell(answer);
      incoming.operation?.end();
      return;
    }
    const { server, incoming: own } = this.#routed(incoming);
    const { reach, clock } = this.#options;
    await postOut(reach, this.#target(server), own, (error) => {
      void tellOutcome(clock, () => this.tell(failure(error)));
    });
  }

  /** By way of the first server that can be reached. */
  async tell(message: RpcMessage): Promise<void> {
    const { reach } = this.#options;
    let failure: unknown = new AppError('server.stopped', 'No server of this session runs');
    for (const server of this.#servers()) {
      try {
        await patiently(this.#options, server, (signal) => tell(reach, this.#target(server), message, signal));
        return;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  /** The server that a request is for, and the request as that server knows it. */
  #routed(incoming: IncomingRequest): { readonly server: ServerName; readonly incoming: IncomingRequest } {
    const { server, changes } = route(incoming.message, this.#servers());
    const message = { ...incoming.message, params: { ...incoming.message.params, ...changes } };
    const payload = rewritten(incoming.payload.toString(), ['params'], changes);
    return { server, incoming: { ...incoming, message, payload } };
  }

  /** What is asked of all servers at once; undefined: it is for one of them. */
  #merged(incoming: IncomingRequest): Promise<object> | undefined {
    const list = listMethod(incoming.message.method);
    if (list) return this.#list(list, incoming);
    return incoming.message.method === 'logging/setLevel' ? this.#setLevel(incoming) : undefined;
  }

  async notify(incoming: IncomingNotice): Promise<void> {
    const { message } = incoming;
    const { reach } = this.#options;
    const to = async (server: ServerName, own: IncomingNotice['message']): Promise<void> => {
      await postNotice(reach, this.#target(server), { ...incoming, message: own, payload: JSON.stringify(own) });
    };
    if (isResponse(message)) {
      const answered = splitId(this.#servers(), message.id);
      if (answered) await to(answered.server, { ...message, id: answered.own });
      return; // an answer to a question that nobody asked
    }
    if (message.method === 'notifications/progress') {
      const token = splitId(this.#servers(), message.params?.progressToken);
      if (token) await to(token.server, { ...message, params: { ...message.params, progressToken: token.own } });
      return;
    }
    // What concerns a request goes to every server that may run it: a host ignores ids that it does not know. Nobody waits
    // for a server that is down.
    const sent = this.#reached().map((server) => to(server, message));
    if (sent.length > 0) await Promise.any(sent).catch(() => sent[0]);
  }

  async cancel(request: RequestCursor, reason: string, unlessFollowed: boolean): Promise<void> {
    const target = this.#target(request.server);
    await postCancellation(this.#options.reach, target, request.request, reason, unlessFollowed);
  }

  resume(cursor: RequestCursor, reply: Reply): void {
    if (!serverOf(this.#options.live.record, cursor.server))
      throw new AppError('request.invalid', 'This Last-Event-ID is not one that was given here');
    const target = this.#target(cursor.server);
    new RequestStream(this.#options.reach, target, reply, translator(target.server)).resume(cursor);
  }

  listen(cursor: StandaloneCursor | undefined, reply: StandaloneReply, mode?: FollowMode): void {
    const { reach, clock } = this.#options;
    const stream = new StandaloneStream(reach, reply, clock, cursor?.offsets, mode);
    this.#streams.add(stream);
    reply.onClose(() => this.#streams.delete(stream));
    for (const server of this.#servers()) this.#follow(stream, server);
  }

  changed(): void {
    const servers = this.#servers();
    const gone = this.#before.filter((server) => !servers.includes(server));
    this.#before = servers;
    for (const stream of this.#streams) {
      for (const server of servers) this.#follow(stream, server);
      for (const server of gone) stream.resync(this.#target(server));
    }
  }

  async close(over?: boolean): Promise<void> {
    // Those too that another gateway opened: they were not reached from here.
    const servers = new Set([...this.#targets.keys(), ...this.#servers()]);
    await Promise.all([...servers].map((server) => this.#options.reach.close(this.#target(server), over)));
  }

  abandon(): void {
    for (const target of this.#targets.values()) target.closed = true;
  }

  /** A server that was not reached from here may be one that the client was told is absent. */
  #follow(stream: StandaloneStream, server: ServerName): void {
    const target = this.#target(server);
    stream.add(target, translator(server), target.facts !== undefined);
  }

  /** The session's servers that should run. */
  #servers(): ServerName[] {
    const { servers } = this.#options.live.record;
    return Object.keys(servers).filter((name) => servers[name]?.desired === 'running');
  }

  /** Those that a notification has a meaning for. */
  #reached(): ServerName[] {
    return this.#servers().filter((server) => this.#target(server).link !== undefined || this.#target(server).resume);
  }

  #target(server: ServerName): Target {
    const known = this.#targets.get(server);
    if (known) return known;
    const target = newTarget(this.#options.live.record, this.record, server, this.#greeted);
    this.#targets.set(server, target);
    return target;
  }

  async #list(list: ListMethod, incoming: IncomingRequest): Promise<object> {
    const { message } = incoming;
    const { cursor, ...params } = message.params ?? {};
    const cursors = cursor === undefined ? undefined : decodeCursor(cursor);
    const servers = this.#servers().filter((server) => !cursors || cursors.has(server));
    const answers = await Promise.all(
      servers.map(async (server): Promise<ListAnswer> => {
        const own = cursors ? { ...params, cursor: cursors.get(server) } : params;
        const result = await this.#ask(server, list.capability, { ...incoming, message: { ...message, params: own } });
        return result instanceof AppError ? { server, error: result } : { server, result };
      }),
    );
    return mergeLists(list, answers);
  }

  async #setLevel(incoming: IncomingRequest): Promise<object> {
    const results = await Promise.all(this.#servers().map((server) => this.#ask(server, 'logging', incoming)));
    const failure = results.find((result) => result instanceof AppError);
    if (failure && results.every((result) => result instanceof AppError)) throw failure;
    return {};
  }

  /** One server's result, or its error. A server without the capability is not asked. */
  async #ask(server: ServerName, capability: string, question: Question): Promise<Record<string, unknown> | AppError> {
    const { reach } = this.#options;
    const target = this.#target(server);
    try {
      return await patiently(this.#options, server, async (signal) => {
        if (!target.facts) await reach.to(target);
        if (target.facts?.capabilities[capability] === undefined) return {};
        return ask(reach, target, question, signal);
      });
    } catch (error) {
      return error instanceof HostRefused ? new AppError('server.failed', error.message) : asAppError(error);
    }
  }
}
