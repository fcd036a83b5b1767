import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { oncall } from './oncall.ts';
import { overview } from './overview.ts';
import { replica } from './replica.ts';
import { servers } from './servers/index.ts';
import { sessions } from './sessions.ts';
import { storeAndBalancer } from './store.ts';

export const DASHBOARDS: readonly Dashboard[] = [oncall, overview, sessions, servers, storeAndBalancer, replica];

/** The files of `grafana/provisioning/dashboards/json` by name. */
export const dashboardFiles = (): Readonly<Record<string, string>> =>
  Object.fromEntries(DASHBOARDS.map((one) => [`${one.uid}.json`, `${JSON.stringify(one, null, 2)}\n`]));
