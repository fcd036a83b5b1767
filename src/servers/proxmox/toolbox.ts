import { type CallToolResult, ErrorCode, type Tool as ListedTool, McpError } from '@modelcontextprotocol/sdk/types.js';
import * as z from 'zod';
import type { Clock } from '../../core/clock.ts';
import { AppError, messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Audit } from './audit.ts';
import type { PveClient } from './client.ts';
import { type Caller, Gate } from './gate.ts';
import type { Plans } from './plans.ts';
import { changed } from './proposal.ts';
import type { Settings } from './settings.ts';
import type { Call, Effect, Outcome, SessionView, Tool } from './tool.ts';
import { TOOLS } from './tools/index.ts';

export interface ToolboxContext {
  readonly settings: Settings;
  readonly clients: ReadonlyMap<string, PveClient>;
  readonly log: Logger;
  readonly clock: Clock;
  readonly audit: Audit;
  readonly plans: Plans;
}

/** What belongs to one call. */
export interface CallContext {
  readonly caller: Caller;
  /** Sends a progress notification, if the client wants them. */
  readonly report: (message: string) => Promise<void>;
  readonly signal: AbortSignal;
}

interface Offered {
  readonly tool: Tool;
  /** The tool's arguments with `server` and `plan_token`. */
  readonly input: z.ZodObject;
}

const planToken = z.string().max(100).optional().describe('Of the plan that an earlier call made; applies it');

/** The tools of a session, as they are listed and called. */
export class Toolbox {
  readonly listed: readonly ListedTool[];
  readonly #context: ToolboxContext;
  readonly #gate: Gate;
  readonly #offered = new Map<string, Offered>();
  readonly #session: SessionView;

  constructor(context: ToolboxContext) {
    this.#context = context;
    this.#gate = new Gate(context);
    this.#session = sessionView(context);
    this.listed = TOOLS.flatMap((tool) => {
      const effects = this.#gate.effectsOf(tool);
      if (effects.length === 0) return [];
      const input = inputOf(tool, effects, context.settings);
      this.#offered.set(tool.name, { tool, input });
      return [listedOf(tool, input, effects)];
    });
  }

  /**
   * Runs a tool. What goes wrong in it is its result, so that the model reads it (MCP 2025-11-25, server/tools, "Error
   * Handling").
   * @throws McpError for a tool that is not there or not allowed
   */
  async call(name: string, args: unknown, context: CallContext): Promise<CallToolResult> {
    const { tool, input } = this.#offered.get(name) ?? this.#refuse(name);
    const checked = input.safeParse(args);
    if (!checked.success) return failed(`Arguments of ${name} are not right:\n${z.prettifyError(checked.error)}`);
    const { server = this.#context.settings.defaultServer, plan_token, ...own } = checked.data as Arguments;
    // The schema admits no other name.
    const client = this.#context.clients.get(server) as PveClient;
    try {
      const call = this.#callOf(client, context);
      return resultOf(await this.#gate.run(tool, own, plan_token, call, client, context.caller));
    } catch (error) {
      if (context.signal.aborted) throw error;
      const { log } = this.#context;
      if (error instanceof AppError) {
        log.warn({ tool: name, server, code: error.code, reason: error.message }, 'tool call failed');
        return failed(error.message);
      }
      log.error({ tool: name, server, reason: messageOf(error) }, 'tool call failed unexpectedly');
      return failed(`${name} failed for a reason of its own; the log of this server has the details`);
    }
  }

  #callOf(client: PveClient, { signal, report }: CallContext): Call {
    return {
      server: client.name,
      signal,
      clock: this.#context.clock,
      session: this.#session,
      get: (path, schema) => client.get(path, schema, signal),
      file: (path) => client.file(path, signal),
      progress: report,
    };
  }

  #refuse(name: string): never {
    const known = TOOLS.find((tool) => tool.name === name);
    const message = known ? `Tool ${this.#gate.refusalOf(known)}` : `Unknown tool: ${name}`;
    throw new McpError(ErrorCode.InvalidParams, message);
  }
}

interface Arguments {
  readonly server?: string;
  readonly plan_token?: string;
  readonly [name: string]: unknown;
}

function inputOf(tool: Tool, effects: readonly Effect[], { targets, defaultServer }: Settings): z.ZodObject {
  if (tool.local) return tool.input;
  const names = z.enum([...targets.keys()]).default(defaultServer);
  const server = names.describe(`Which Proxmox server; "${defaultServer}" if absent`);
  return tool.input.extend({ server, ...(effects.includes('destructive') && { plan_token: planToken }) });
}

function listedOf(tool: Tool, input: z.ZodObject, effects: readonly Effect[]): ListedTool {
  return {
    name: tool.name,
    title: tool.title,
    description: tool.description,
    inputSchema: jsonSchemaOf(input, 'input'),
    outputSchema: jsonSchemaOf(tool.output, 'output'),
    annotations: {
      readOnlyHint: effects.every((effect) => effect === 'read'),
      destructiveHint: effects.includes('destructive'),
      idempotentHint: tool.idempotent,
      openWorldHint: false,
    },
  };
}

/** Without `$schema`: JSON Schema 2020-12 is MCP's default, and validators that know only an older draft can read it. */
function jsonSchemaOf(schema: z.ZodObject, io: 'input' | 'output'): ListedTool['inputSchema'] {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io });
  return rest as ListedTool['inputSchema'];
}

function sessionView({ settings, clients, audit }: ToolboxContext): SessionView {
  return {
    defaultServer: settings.defaultServer,
    servers: [...settings.targets.values()].map(({ name, origin, verifySsl, timeoutMs, fingerprint }) => ({
      name,
      origin,
      identity: clients.get(name)?.identity ?? '',
      verify_ssl: verifySsl,
      timeout: timeoutMs / 1000,
      pinned: fingerprint !== undefined,
    })),
    security: {
      allowed_operations: [...settings.allowed],
      enable_destructive_operations: settings.destructive,
      max_vms_per_operation: settings.maxGuests,
      max_storage_gb: settings.maxStorageBytes / 2 ** 30,
    },
    audit: () => audit.read(),
  };
}

/** A call of which a part failed is an error, and says all that was done. */
function resultOf({ structured, text }: Outcome): CallToolResult {
  const changes = changed.shape.changes.safeParse(structured.changes).data ?? [];
  const wrong = changes.some(({ outcome }) => ['failed', 'unknown', 'skipped'].includes(outcome));
  const result = { content: [{ type: 'text' as const, text }], structuredContent: { ...structured } };
  return wrong ? { ...result, isError: true } : result;
}

function failed(text: string): CallToolResult {
  return { content: [{ type: 'text', text }], isError: true };
}
