import { z } from 'zod';
import { isSessionId } from '../core/ids.ts';
import { ROLES } from '../core/people.ts';

/** Bodies of the admin API: what is documented, and what tests hold the answers against. */
const time = (what: string) => z.iso.datetime().describe(what);
const milliseconds = (what: string) => z.number().int().describe(`${what}, milliseconds since the epoch`);

export const sessionId = z.string().refine(isSessionId, { error: 'is no id of a session' }).describe('Id of a session');
export const role = z.enum(ROLES);
export const message = z.string().describe('For people');

export const tokens = z.object({
  token: z.string().describe('Access token: `Authorization: Bearer`'),
  status: z.literal('success'),
  expires_in: z.number().int().describe('Life of the access token, seconds'),
  refresh_token: z.string().describe('For POST refresh-token, once'),
  role,
});

export const reason = z.object({
  code: z.string().describe('Stable: docs/admin-api.md'),
  text: z.string(),
  detail: z.string().optional(),
});

export const replica = z.object({
  id: z.string(),
  role: z.enum(['gateway', 'controller', 'serve', 'egress']),
  version: z.string(),
  machine: z.string(),
  startedAt: milliseconds('Start'),
  at: milliseconds('Last report'),
  draining: z.boolean(),
  sessions: z.number().int().optional(),
  connections: z.number().int().optional(),
  leads: z.boolean().optional(),
  troubles: z.array(z.string()),
});

const counts = z.object({
  ready: z.number().int(),
  starting: z.number().int(),
  pending: z.number().int(),
  idle: z.number().int(),
  failed: z.number().int(),
  unconfigured: z.number().int().describe('Their terminals have set nothing of what they need'),
  stopped: z.number().int(),
  waiting: z.number().int().describe('Of the pending ones: they wait for a place'),
  open: z.number().int().describe('Of the ready ones: cannot be used'),
});

export const health = z.object({
  status: z.enum(['healthy', 'degraded', 'unhealthy']),
  active_sessions: z.number().int(),
  session_details: z.array(
    z.object({
      session_id: z.string(),
      is_terminated: z.boolean(),
      created_at: time('Absent where it is not known any more').optional(),
      owner: z.string(),
      servers: z.record(z.string(), z.string()).optional().describe('Name -> what it is now'),
    }),
  ),
  server_uptime: z.number().describe('Of the replica that answers, seconds'),
  mcp_config: z.object({
    sse_path: z.string(),
    message_path: z.string(),
    stateless: z.boolean(),
    session_recovery_enabled: z.boolean(),
  }),
  reasons: z.array(reason).describe('Why it is not healthy'),
  servers: counts,
  replicas: z.array(replica),
});

export const debug = z.object({
  session_manager_available: z.boolean().describe('A controller is in charge'),
  mcp_server_available: z.boolean().describe('A gateway takes work'),
  stored_activities: z.number().int().describe('Sessions whose last use is kept'),
  stored_sessions: z.number().int(),
  config: z.record(z.string(), z.unknown()),
  servers: counts,
  replicas: z.array(replica),
  reasons: z.array(reason),
});

export const cleanup = z.object({
  message,
  remaining_sessions: z.number().int(),
  sessions: z.array(z.string()).describe('Ended, because their terminal is gone'),
  orphans: z.number().int().describe('Servers ended that belonged to no session'),
});

export const cleanupPreview = z.object({
  sessions: z.array(z.string()).describe('Their terminal is gone'),
  orphans: z
    .array(z.object({ session: z.string(), server: z.string(), instance: z.string() }))
    .describe('Servers that belong to no session'),
});

export const recovery = z.object({
  message,
  old_session_id: z.string(),
  new_session_id: z.string(),
  instructions: z.string().describe('What to do in the terminal'),
  restarted: z.array(z.string()).describe('Servers that had failed and are started again'),
});

export const sessionView = z.object({
  id: z.string(),
  owner: z.string(),
  terminal: z.object({
    name: z.string(),
    host: z.string(),
    leader: z.object({ pid: z.number().int(), startedAt: z.string() }).optional(),
  }),
  workspace: z.string(),
  keep: z.boolean(),
  createdAt: milliseconds('Creation'),
  deadline: milliseconds('Its end if nobody uses it'),
  maxAt: milliseconds('Its end whatever happens'),
  connections: z.number().int(),
  servers: z.array(
    z.object({
      name: z.string(),
      state: z.enum(['stopped', 'idle', 'pending', 'starting', 'ready', 'failing', 'failed']),
      unconfigured: z.literal(true).optional(),
      reason: z.string().optional(),
      stderr: z.string().optional(),
      instance: z.string().optional(),
      startedAt: z.number().optional(),
      memoryBytes: z.number().optional(),
      cpuSeconds: z.number().optional(),
      lastActivityAt: z.number().optional(),
      restarts: z.number().int().optional(),
    }),
  ),
});

export const lifecycleEvent = z.object({
  at: milliseconds('When'),
  name: z.string().describe('Stable: docs/logs.md'),
  session: z.string(),
  owner: z.string(),
  server: z.string().optional(),
  incarnation: z.number().int().optional(),
  reason: z.string().optional(),
});

export const auditEntry = z.object({
  at: milliseconds('When'),
  actor: z.string(),
  role: z.string().optional(),
  address: z.string(),
  action: z.string(),
  target: z.string().optional(),
  outcome: z.enum(['done', 'refused', 'failed']),
  detail: z.string().optional(),
});

export const failure = z.object({
  error: z.object({
    code: z.string().describe('Stable'),
    message,
    data: z.record(z.string(), z.unknown()).optional(),
  }),
});
