import type { SessionList, SessionView } from '../core/api.ts';
import type { Page } from '../core/operations.ts';
import { callApi } from './api-client.ts';
import type { CliIo } from './io.ts';
import { currentLogin } from './login/bearer.ts';
import { managerUrl, ownerCredential } from './manager-address.ts';

/** The most that the admin API puts on a page. */
const PAGE = 500;

export interface ListFilter {
  readonly owner?: string;
  /** Milliseconds until an answer must be there. */
  readonly timeoutMs?: number;
}

/** All sessions that the caller may see: of whoever is logged in, by their role; else of the owner. */
export async function listSessions(io: Pick<CliIo, 'env' | 'clock'>, filter: ListFilter = {}): Promise<SessionView[]> {
  const { owner, timeoutMs } = filter;
  const login = await currentLogin(io);
  const limit = timeoutMs === undefined ? {} : { timeoutMs };
  if (!login) {
    const call = { method: 'GET', path: '/api/sessions', bearer: ownerCredential(io.env), ...limit } as const;
    const { sessions } = (await callApi(managerUrl(io.env), call)) as SessionList;
    return sessions.filter((session) => owner === undefined || session.owner === owner);
  }
  const found: SessionView[] = [];
  for (let after: string | undefined; ; ) {
    const query = new URLSearchParams({ limit: String(PAGE), ...(owner && { owner }), ...(after && { after }) });
    const call = { method: 'GET', path: `/admin/api/sessions?${query}`, bearer: login.token, ...limit } as const;
    const { items, next } = (await callApi(login.url, call)) as Page<SessionView>;
    found.push(...items);
    if (next === undefined) return found;
    after = next;
  }
}
