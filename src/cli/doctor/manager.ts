import { AppError, messageOf } from '../../core/errors.ts';
import { callApi } from '../api-client.ts';
import { isLate, silenceOf } from '../api-error.ts';
import type { CliIo } from '../io.ts';
import { currentLogin } from '../login/bearer.ts';
import { managerUrl, ownerCredential } from '../manager-address.ts';
import { version } from '../version.ts';
import { type Finding, ok, problem, skipped, warning } from './finding.ts';

const TIMEOUT_MS = 5000;
/** Clocks that differ by more than this make times in logs hard to compare; tokens bear more. */
const SKEW_MS = 5000;
const BAD_SKEW_MS = 60_000;
const START = "run 'npm start' in the project's folder, or 'docker compose up --wait', and look at its log";
const HANGS =
  "look at its log; if it hangs, end it ('kill -9') and run 'npm start' in the project's folder, or 'docker compose restart gateway'";

/** What `GET /health` says. */
interface Health {
  readonly status?: string;
  readonly server?: string;
  readonly version?: string;
  readonly reasons?: readonly { readonly code?: string; readonly text?: string }[];
  readonly reason?: string;
}

/** The manager: gateway, store, clock, and whether it knows this user. */
export async function checkManager(io: CliIo): Promise<Finding[]> {
  let url: string;
  try {
    url = managerUrl(io.env);
  } catch (error) {
    return [problem('gateway', messageOf(error), START)];
  }
  try {
    const sentAt = io.clock.now();
    const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    const health = (await response.json().catch(() => ({}))) as Health;
    if (health.server !== 'mcp-session-manager') return [otherProgram(url)];
    const date = Date.parse(response.headers.get('date') ?? '');
    return [
      gateway(url, health),
      store(health),
      ...others(health),
      clock(date, sentAt, io.clock.now()),
      await credential(io, url),
      await login(io),
    ];
  } catch (error) {
    const cause = (error instanceof TypeError ? (error.cause ?? error) : error) as NodeJS.ErrnoException;
    return [problem('gateway', silenceOf(url, cause), isLate(cause) ? HANGS : START)];
  }
}

function gateway(url: string, health: Health): Finding {
  const text = `version ${health.version ?? 'unknown'} answers at ${url}: ${health.status ?? 'unknown'}`;
  if (health.status === 'unhealthy') return problem('gateway', text, 'see the findings below, and its log');
  if (health.version === version()) return ok('gateway', text);
  return warning('gateway', `${text}; this program is version ${version()}`, 'start the manager again after an update');
}

const codesOf = ({ reasons = [], reason }: Health) =>
  reason === undefined ? reasons : [...reasons, { code: 'other', text: reason }];

function store(health: Health): Finding {
  const outage = codesOf(health).find(({ code }) => code === 'store.unavailable');
  if (!outage) return ok('store', 'answers');
  return problem(
    'store',
    outage.text ?? 'out of reach',
    'start it, or look at $MCP_SESSION_MANAGER_STORE; sessions in use go on',
  );
}

/** Reasons for which the manager is not healthy, but for the store. */
function others(health: Health): Finding[] {
  return codesOf(health)
    .filter(({ code }) => code !== 'store.unavailable')
    .map(({ code = 'health', text = '' }) =>
      warning('health', `${code}: ${text}`, `look up ${code} in docs/admin-api.md, "Health"`),
    );
}

function clock(theirs: number, sentAt: number, answeredAt: number): Finding {
  if (Number.isNaN(theirs)) return skipped('clock', 'the manager does not say what time it is');
  // The header has whole seconds: it may be a second behind.
  const skew = Math.max(0, sentAt - (theirs + 1000), theirs - answeredAt);
  const text = `this machine and the manager differ by ${(skew / 1000).toFixed(1)} s`;
  const remedy = 'set the clocks by NTP on both machines';
  if (skew > BAD_SKEW_MS) return problem('clock', text, remedy);
  return skew > SKEW_MS ? warning('clock', text, remedy) : ok('clock', text);
}

async function credential({ env }: CliIo, url: string): Promise<Finding> {
  try {
    const bearer = ownerCredential(env);
    await callApi(url, { method: 'GET', path: '/api/catalogue', bearer, timeoutMs: TIMEOUT_MS });
    return ok('credential', "the manager takes the owner's credential");
  } catch (error) {
    const isOther = error instanceof AppError && error.code === 'auth.invalid';
    const remedy = isOther
      ? "copy the manager's credential into the state directory (README, 'With containers')"
      : "set MCP_SESSION_MANAGER_STATE to the manager's state directory";
    return problem('credential', messageOf(error), remedy);
  }
}

async function login(io: CliIo): Promise<Finding> {
  try {
    const account = await currentLogin(io);
    if (!account) return skipped('login', 'no account is logged in; needed for what others do only');
    await callApi(account.url, {
      method: 'GET',
      path: '/admin/api/whoami',
      bearer: account.token,
      timeoutMs: TIMEOUT_MS,
    });
    return ok('login', `${account.username} (${account.role})`);
  } catch (error) {
    return warning('login', messageOf(error), "run 'mcp-session-manager login', or 'logout'");
  }
}

const otherProgram = (url: string): Finding =>
  problem('gateway', `another program answers at ${url}`, 'set MCP_SESSION_MANAGER_URL to the address of the manager');
