/**
 * `page`: somebody is woken, because people cannot work or soon will not be able to, and waiting makes it worse. `ticket`: somebody
 * looks at it in working hours. What is a cause and hurts nobody yet is a ticket; what hurts pages once, by the alert nearest to the cause.
 */
export type Severity = 'page' | 'ticket';

/**
 * One alert, from which its rule for Prometheus and its rule for Grafana are made.
 * `summary` may contain `{value}`, `{value|percent}`, `{value|bytes}`, `{value|duration}`, `{value|number}` and `{label:NAME}`.
 */
export interface Alert {
  readonly name: `Mcp${string}`;
  readonly severity: Severity;
  /** PromQL: a series for each thing that is wrong, none if all is well. */
  readonly expression: string;
  /** How long it must be so, as Prometheus writes durations: `2m`. */
  readonly for: string;
  readonly summary: string;
  readonly description: string;
  /** uid and panel of the dashboard that shows it. */
  readonly panel: readonly [dashboard: DashboardUid, panel: number];
}

export type DashboardUid = 'mcp-overview' | 'mcp-sessions' | 'mcp-servers' | 'mcp-store' | 'mcp-replica' | 'mcp-oncall';

/** A series that Prometheus computes and keeps: what alerts and dashboards ask again and again. */
export interface Recording {
  /** `mcp:what:how` */
  readonly record: `mcp:${string}`;
  readonly expression: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface Group<Rule> {
  readonly name: string;
  readonly rules: readonly Rule[];
}
