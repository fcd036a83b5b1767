import { appErrorOf, asAppError } from '../../core/errors.ts';
import {
  isRequest,
  type RequestId,
  type RpcMessage,
  type RpcRequest,
  type RpcResult,
  rpcError,
} from '../../core/json-rpc.ts';
import type { Added } from './interposition.ts';
import type { Service } from './service.ts';

export interface AdditionsOptions {
  /** The allowed directories, as on the command line. */
  readonly directories: readonly string[];
  /** Directory of the session's own; undefined: watches do not outlive this process. */
  readonly configDir: string | undefined;
  /** This program, for its threads. */
  readonly program: URL;
}

type Send = (message: RpcMessage) => void;

const TOOL = /^fs_(?:watch_start|watch_stop|watch_list|changes)$/;
const RESOURCES = /^resources\/(?:list|read|subscribe|unsubscribe|templates\/list)$/;

/**
 * What the official server lacks: the tools for watching, and directories as resources that can be subscribed to. What does
 * the work is loaded when it is asked for, so that a server that watches nothing starts as fast as the official one.
 */
export class Additions implements Added {
  readonly amended = new Set(['initialize', 'tools/list']);
  readonly #options: AdditionsOptions;
  readonly #running = new Map<RequestId, AbortController>();
  #service: Promise<Service> | undefined;

  constructor(options: AdditionsOptions) {
    this.#options = options;
  }

  take(message: RpcMessage, send: Send): boolean {
    if (!('method' in message)) return false;
    if (isRequest(message)) {
      if (!isOurs(message)) return false;
      void this.#answer(message, send);
      return true;
    }
    const running =
      message.method === 'notifications/cancelled'
        ? this.#running.get(message.params?.requestId as RequestId)
        : undefined;
    running?.abort();
    return running !== undefined;
  }

  async amend(method: string, answer: RpcResult): Promise<RpcResult> {
    const { result } = answer;
    if (method === 'initialize') {
      const capabilities = { ...(result.capabilities as object), resources: { subscribe: true } };
      return { ...answer, result: { ...result, capabilities } };
    }
    const { tools, nextCursor } = result as { tools: object[]; nextCursor?: string };
    // Ours are on the last page.
    if (nextCursor !== undefined) return answer;
    const { listedTools } = await import('./tools.ts');
    return { ...answer, result: { ...result, tools: [...tools, ...listedTools()] } };
  }

  async close(): Promise<void> {
    for (const running of this.#running.values()) running.abort();
    await (await this.#service)?.close();
  }

  async #answer({ id, method, params = {} }: RpcRequest, send: Send): Promise<void> {
    const running = new AbortController();
    this.#running.set(id, running);
    try {
      this.#service ??= this.#open(send);
      const result = await (await this.#service).answer(method, params, running.signal);
      if (!running.signal.aborted) send({ jsonrpc: '2.0', id, result });
    } catch (error) {
      if (running.signal.aborted) return;
      const { rpcCode, message, data } = appErrorOf(error) ?? asAppError(error);
      send(rpcError(id, rpcCode, message, data));
    } finally {
      this.#running.delete(id);
    }
  }

  async #open(send: Send): Promise<Service> {
    const { Service } = await import('./service.ts');
    const notify = (method: string, params: Record<string, unknown>): void => send({ jsonrpc: '2.0', method, params });
    return await Service.open({ ...this.#options, notify });
  }
}

function isOurs({ method, params }: RpcRequest): boolean {
  return method === 'tools/call' ? TOOL.test(String(params?.name)) : RESOURCES.test(method);
}
