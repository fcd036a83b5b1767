import { join } from 'node:path';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import * as z from 'zod';
import { systemClock } from '../../core/clock.ts';
import { AppError } from '../../core/errors.ts';
import { Directories } from './directories.ts';
import { listResources, readDirectory, TEMPLATES } from './resources.ts';
import { Subscriptions } from './subscriptions.ts';
import { type ChangesAnswer, TOOLS, type WatchAnswer } from './tools.ts';
import { Journals } from './watch/journals.ts';
import type { Gap, Watch } from './watch/watch.ts';
import { Watches } from './watch/watches.ts';

const LIMITS = { changes: 100_000, entries: 500_000, watches: 16 };
/** The holder of the watches that the client has started by a tool. */
const CLIENT = 'client';

const GAPS: Readonly<Record<Gap, string>> = {
  'log-full': `More was changed than is kept (${LIMITS.changes} paths)`,
  'not-known': 'The server was restarted, and what it had noted is gone',
};

export interface ServiceOptions {
  readonly directories: readonly string[];
  readonly configDir: string | undefined;
  readonly program: URL;
  readonly notify: (method: string, params: Record<string, unknown>) => void;
}

/** Answers the requests that are not for the official server. */
export class Service {
  readonly #directories: Directories;
  readonly #watches: Watches;
  readonly #subscriptions: Subscriptions;

  private constructor(directories: Directories, watches: Watches, notify: ServiceOptions['notify']) {
    this.#directories = directories;
    this.#watches = watches;
    const updated = (uri: string): void => notify('notifications/resources/updated', { uri });
    this.#subscriptions = new Subscriptions({ watches, clock: systemClock, updated });
  }

  static async open({ directories: written, configDir, program, notify }: ServiceOptions): Promise<Service> {
    const directories = new Directories(written);
    const journals = configDir === undefined ? undefined : await Journals.open(join(configDir, 'watches'), LIMITS);
    return new Service(
      directories,
      new Watches({ directories, journals, limits: LIMITS, clock: systemClock, program }),
      notify,
    );
  }

  /** @throws AppError `params.invalid` and others, for a JSON-RPC error */
  async answer(method: string, params: Record<string, unknown>, signal: AbortSignal): Promise<Record<string, unknown>> {
    if (method === 'tools/call') return { ...(await this.#call(String(params.name), params.arguments ?? {}, signal)) };
    if (method === 'resources/list') return { resources: await listResources(this.#directories) };
    if (method === 'resources/templates/list') return { resourceTemplates: TEMPLATES };
    const { uri } = params;
    if (typeof uri !== 'string') throw new AppError('params.invalid', '"uri" is missing, or no text');
    if (method === 'resources/read') return { contents: [await readDirectory(this.#directories, uri)] };
    await (method === 'resources/subscribe' ? this.#subscriptions.add(uri) : this.#subscriptions.remove(uri));
    return {};
  }

  async close(): Promise<void> {
    await this.#watches.close();
  }

  /** What goes wrong is the tool's result, so that the model reads it (2025-11-25, server/tools, "Error Handling"). */
  async #call(name: string, args: unknown, signal: AbortSignal): Promise<CallToolResult> {
    try {
      const structuredContent = { ...(await this.#run(name as keyof typeof TOOLS, args, signal)) };
      return { content: [{ type: 'text', text: JSON.stringify(structuredContent) }], structuredContent };
    } catch (error) {
      if (signal.aborted || !(error instanceof AppError)) throw error;
      return { content: [{ type: 'text', text: error.message }], isError: true };
    }
  }

  async #run(name: keyof typeof TOOLS, args: unknown, signal: AbortSignal): Promise<object> {
    switch (name) {
      case 'fs_watch_start': {
        const { path, ignore, use_gitignore: gitignore, polling } = checked(TOOLS[name].input, name, args);
        const { watch } = await this.#watches.start(path, { ignore, gitignore, polling }, CLIENT);
        return describe(watch);
      }
      case 'fs_watch_stop':
        return await this.#stop(checked(TOOLS[name].input, name, args).watch);
      case 'fs_watch_list': {
        checked(TOOLS[name].input, name, args);
        const suspended = await this.#watches.suspended();
        return {
          watches: this.#watches.list().map(describe),
          suspended: suspended.map(({ watch, path }) => ({ watch, path })),
        };
      }
      case 'fs_changes': {
        const { cursor, limit, wait_seconds } = checked(TOOLS[name].input, name, args);
        return await this.#changes(cursor, limit, wait_seconds * 1000, signal);
      }
    }
  }

  async #stop(watch: string): Promise<object> {
    if (await this.#watches.stop(watch, CLIENT)) return { watch, stopped: true };
    throw new AppError('params.invalid', `There is no watch ${watch}: fs_watch_list shows which there are`);
  }

  async #changes(cursor: string, limit: number, waitMs: number, signal: AbortSignal): Promise<ChangesAnswer> {
    const found = await this.#watches.changes(cursor, { limit, waitMs, holder: CLIENT }, signal);
    const { watch, gap } = found;
    return {
      watch: watch.id,
      ...conditionOf(watch),
      overflow: gap !== undefined,
      ...(gap === undefined ? {} : { overflow_reason: GAPS[gap] }),
      changes: found.changes.map(({ path, type, kind }) => ({ path: join(watch.root, path), type, kind })),
      more: found.more,
      cursor: found.cursor,
    };
  }
}

function describe(watch: Watch): WatchAnswer {
  const { id, size: entries, durable } = watch;
  return { watch: id, ...conditionOf(watch), entries, durable, cursor: watch.cursorAt(watch.head) };
}

function conditionOf(watch: Watch) {
  const { state, mode, reason, trouble } = watch.status;
  return {
    path: watch.root,
    ...{ state, mode },
    ...(reason === undefined ? {} : { mode_reason: reason }),
    ...(trouble === undefined ? {} : { trouble }),
  };
}

/** @throws AppError `params.invalid` that says what is wrong */
function checked<T extends z.ZodObject>(schema: T, name: string, args: unknown): z.output<T> {
  const result = schema.safeParse(args);
  if (result.success) return result.data;
  throw new AppError('params.invalid', `Arguments of ${name} are not right:\n${z.prettifyError(result.error)}`);
}
