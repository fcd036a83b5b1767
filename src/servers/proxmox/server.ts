import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import manifest from '../../../package.json' with { type: 'json' };
import type { Clock } from '../../core/clock.ts';
import type { ConnectServer, ServerContext } from '../../core/server-module.ts';
import { Audit } from './audit.ts';
import { PveClient } from './client.ts';
import { Fingerprints } from './fingerprints.ts';
import { atLevel } from './log-level.ts';
import { Plans } from './plans.ts';
import { loadSettings } from './settings.ts';
import type { Toolbox } from './toolbox.ts';

/** Time and chance, injected. */
export interface World {
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/**
 * Reads the session's configuration and makes what all channels share: clients with their connections and logins, plans,
 * and the record of changes.
 * @throws AppError `config.invalid`
 */
export async function openProxmox(context: ServerContext, world: World): Promise<ConnectServer> {
  const settings = await loadSettings(context.configDir, context.variables);
  const log = atLevel(context.log, settings.logLevel);
  const fingerprints = new Fingerprints(context.configDir);
  const clients = new Map<string, PveClient>();
  for (const [name, target] of settings.targets) {
    const check = fingerprints.checkOf(target);
    const needs = {
      ...{ ...world, log },
      ...(context.connect && { connect: context.connect }),
      ...(check && { check }),
      saw: (expiresAt: number) => context.sawCertificate?.(target.origin, expiresAt),
    };
    clients.set(name, new PveClient(target, needs));
  }
  const shared = {
    settings,
    clients,
    log,
    clock: world.clock,
    // Not by the level of the configuration: whoever may set that may not silence this.
    audit: new Audit(context.audit, context.log),
    plans: new Plans(world.clock),
  };
  let toolbox: Promise<Toolbox> | undefined;
  // Loaded when tools are asked for: their schemas take longer to make than all the rest, and no start has to wait for it.
  const tools = () => {
    toolbox ??= import('./toolbox.ts').then(({ Toolbox }) => new Toolbox(shared));
    return toolbox;
  };

  return async (transport) => {
    const server = new Server(
      { name: 'proxmox', title: 'Proxmox VE', version: manifest.version },
      // What a person answers is judged where it is asked (confirm.ts); the default would build a validator for each channel.
      { capabilities: { tools: {} }, jsonSchemaValidator: { getValidator: neverUsed } },
    );
    server.setRequestHandler(ListToolsRequestSchema, async () => ({ tools: (await tools()).listed }));
    server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
      const { name = 'unknown', version = '' } = server.getClientVersion() ?? {};
      const caller = {
        client: `${name} ${version}`.trim(),
        capabilities: server.getClientCapabilities() ?? {},
        ask: extra.sendRequest as never,
      };
      const { progressToken } = params._meta ?? {};
      let progress = 0;
      const report = async (message: string) => {
        if (progressToken === undefined) return;
        await extra.sendNotification({
          method: 'notifications/progress',
          params: { progressToken, progress: ++progress, message },
        });
      };
      return await (await tools()).call(params.name, params.arguments ?? {}, { caller, report, signal: extra.signal });
    });
    await server.connect(transport as Transport);
  };
}

function neverUsed(): never {
  throw new Error('the Proxmox server validates no answers of the client by a schema');
}
