import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CallToolRequestSchema,
  type CallToolResult,
  ErrorCode,
  type Tool as ListedTool,
  ListToolsRequestSchema,
  McpError,
} from '@modelcontextprotocol/sdk/types.js';
import * as z from 'zod';
import manifest from '../../../package.json' with { type: 'json' };
import type { Clock } from '../../core/clock.ts';
import { AppError, messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { ConnectServer, ServerContext } from '../../core/server-module.ts';
import { PveClient } from './client.ts';
import { atLevel } from './log-level.ts';
import { loadSettings, type Settings } from './settings.ts';
import type { Tool } from './tool.ts';
import { clusterOverview } from './tools/cluster-overview.ts';
import { guestStatus } from './tools/guest-status.ts';
import { listResources } from './tools/list-resources.ts';

const TOOLS: readonly Tool[] = [clusterOverview, listResources, guestStatus];

/** Time and chance, injected. */
export interface World {
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/**
 * Reads the session's configuration and makes what all channels share: clients with their connections and logins.
 * @throws AppError `config.invalid`
 */
export async function openProxmox(context: ServerContext, world: World): Promise<ConnectServer> {
  const settings = await loadSettings(context.configDir, context.variables);
  const log = atLevel(context.log, settings.logLevel);
  const clients = new Map<string, PveClient>();
  const shared = { ...world, log, ...(context.connect ? { connect: context.connect } : {}) };
  for (const [name, target] of settings.targets) clients.set(name, new PveClient(target, shared));
  const offered = TOOLS.filter((tool) => settings.allowed.has(tool.operation)).map((tool) => offer(tool, settings));
  const tools = new Map(offered.map((one) => [one.tool.name, one]));

  return async (transport) => {
    const server = new Server(
      { name: 'proxmox', title: 'Proxmox VE', version: manifest.version },
      // It asks the client nothing, so it has no answer to validate; the default would build a validator for each channel.
      { capabilities: { tools: {} }, jsonSchemaValidator: { getValidator: neverAsked } },
    );
    server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: offered.map((one) => one.listed) }));
    server.setRequestHandler(CallToolRequestSchema, ({ params }, { signal }) => {
      const one = tools.get(params.name) ?? refuse(params.name);
      return call(one, params.arguments ?? {}, { clients, log }, signal);
    });
    await server.connect(transport as Transport);
  };
}

interface Offered {
  readonly tool: Tool;
  /** The tool's arguments with `server`. */
  readonly input: z.ZodObject;
  readonly listed: ListedTool;
}

function offer(tool: Tool, settings: Settings): Offered {
  const names = z.enum([...settings.targets.keys()]);
  const described = `Which Proxmox server; "${settings.defaultServer}" if absent`;
  const input = tool.input.extend({ server: names.default(settings.defaultServer).describe(described) });
  const listed = {
    name: tool.name,
    title: tool.title,
    description: tool.description,
    inputSchema: jsonSchemaOf(input, 'input'),
    outputSchema: jsonSchemaOf(tool.output, 'output'),
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  };
  return { tool, input, listed };
}

/** Without `$schema`: JSON Schema 2020-12 is MCP's default, and validators that know only an older draft can read it. */
function jsonSchemaOf(schema: z.ZodObject, io: 'input' | 'output'): ListedTool['inputSchema'] {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io });
  return rest as ListedTool['inputSchema'];
}

function refuse(name: string): never {
  const known = TOOLS.find((tool) => tool.name === name);
  const message = known
    ? `Tool ${name} is not allowed here: "security.allowed_operations" in proxmox-config.json does not name "${known.operation}"`
    : `Unknown tool: ${name}`;
  throw new McpError(ErrorCode.InvalidParams, message);
}

interface Shared {
  readonly clients: ReadonlyMap<string, PveClient>;
  readonly log: Logger;
}

/** Runs a tool. What goes wrong in it is its result, so that the model reads it (MCP 2025-11-25, server/tools, "Error Handling"). */
async function call(offered: Offered, args: unknown, shared: Shared, signal: AbortSignal): Promise<CallToolResult> {
  const { tool } = offered;
  const checked = offered.input.safeParse(args);
  if (!checked.success) return failed(`Arguments of ${tool.name} are not right:\n${z.prettifyError(checked.error)}`);
  const { server, ...own } = checked.data as { server: string };
  try {
    // The schema admits no other name.
    const client = shared.clients.get(server) as PveClient;
    const { structured, text } = await tool.run(client, own as never, signal);
    return { content: [{ type: 'text', text }], structuredContent: { ...structured } };
  } catch (error) {
    if (signal.aborted) throw error;
    if (error instanceof AppError) {
      shared.log.warn({ tool: tool.name, server, code: error.code, reason: error.message }, 'tool call failed');
      return failed(error.message);
    }
    shared.log.error({ tool: tool.name, server, reason: messageOf(error) }, 'tool call failed unexpectedly');
    return failed(`${tool.name} failed for a reason of its own; the log of this server has the details`);
  }
}

function failed(text: string): CallToolResult {
  return { content: [{ type: 'text', text }], isError: true };
}

function neverAsked(): never {
  throw new Error('the Proxmox server asks the client nothing');
}
