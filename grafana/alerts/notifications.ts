/**
 * Who is told, chosen by the environment of Grafana. A receiver without an address keeps Grafana from starting, so compose.yaml gives
 * each variable a default which reaches nobody; alerts are then seen in Grafana alone, where the contact point says that it failed.
 */
const orgId = 1;

const title = '{{ template "mcp.title" . }}';
const message = '{{ template "mcp.message" . }}';

/** Names of contact points: what `MCP_ALERTS_PAGE_TO` and `MCP_ALERTS_TICKET_TO` may be. */
export const CONTACT_POINTS = [
  {
    orgId,
    name: 'mcp-webhook',
    receivers: [
      {
        uid: 'mcp-webhook',
        type: 'webhook',
        settings: { url: '${MCP_ALERTS_WEBHOOK_URL}', httpMethod: 'POST', title, message },
      },
    ],
  },
  {
    orgId,
    name: 'mcp-email',
    receivers: [
      {
        uid: 'mcp-email',
        type: 'email',
        settings: { addresses: '${MCP_ALERTS_EMAIL}', singleEmail: true, subject: title, message },
      },
    ],
  },
  {
    orgId,
    name: 'mcp-slack',
    receivers: [
      { uid: 'mcp-slack', type: 'slack', settings: { url: '${MCP_ALERTS_SLACK_URL}', title, text: message } },
    ],
  },
] as const;

/**
 * Pages at once and again each hour; tickets in working hours. Alerts of one part of the program that fire together are one message: a
 * fault seldom comes with one symptom only.
 */
export const POLICIES = [
  {
    orgId,
    receiver: '${MCP_ALERTS_TICKET_TO}',
    group_by: ['severity', 'component'],
    group_wait: '30s',
    group_interval: '5m',
    repeat_interval: '12h',
    routes: [
      {
        receiver: '${MCP_ALERTS_PAGE_TO}',
        object_matchers: [['severity', '=', 'page']],
        group_by: ['severity'],
        group_wait: '10s',
        group_interval: '1m',
        repeat_interval: '1h',
      },
      {
        receiver: '${MCP_ALERTS_TICKET_TO}',
        object_matchers: [['severity', '=', 'ticket']],
        mute_time_intervals: ['mcp-out-of-hours'],
      },
    ],
  },
] as const;

const location = 'UTC';

/** Nights and weekends. A ticket that still holds when they end is sent then. */
export const MUTE_TIMES = [
  {
    orgId,
    name: 'mcp-out-of-hours',
    time_intervals: [
      {
        times: [
          { start_time: '00:00', end_time: '07:00' },
          { start_time: '18:00', end_time: '24:00' },
        ],
        location,
      },
      { weekdays: ['saturday', 'sunday'], location },
    ],
  },
] as const;

/**
 * One line that says how bad it is, then each alert with what to do. Every rule of Grafana comes here, since the policies take the place of
 * all: what has no severity, summary or runbook is told as well.
 */
export const TEMPLATES = [
  {
    orgId,
    name: 'mcp',
    template: `{{ define "mcp.title" -}}
[{{ if eq .Status "resolved" }}over{{ else }}{{ or .CommonLabels.severity "alert" }}{{ end }}] {{ if eq (len .Alerts) 1 }}{{ range .Alerts }}{{ or .Annotations.summary .Labels.alertname }}{{ end }}{{ else }}{{ len .Alerts.Firing }} alerting, {{ len .Alerts.Resolved }} over{{ end }}
{{- end }}
{{ define "mcp.message" -}}
{{ range .Alerts -}}
{{ if eq .Status "resolved" }}Over{{ else }}Firing{{ end }}: {{ .Labels.alertname }}{{ with .Annotations.summary }}: {{ . }}{{ end }}
{{ with .Annotations.description }}{{ . }}
{{ end }}{{ with .Annotations.Error }}Grafana could not ask: {{ . }}
{{ end }}{{ with .Annotations.runbook_url }}What to do: {{ . }}
{{ end }}{{ with .PanelURL }}Panel: {{ . }}
{{ end }}{{ if eq .Status "firing" }}Silence: {{ .SilenceURL }}
{{ end }}
{{ end -}}
{{ end }}
`,
  },
] as const;
