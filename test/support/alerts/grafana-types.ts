/**
 * Files of Grafana's alerting provisioning, apiVersion 1, as Grafana 12 reads them: the structs with the suffix V1 in its
 * pkg/services/provisioning/alerting (types.go, file/rules_types.go, contact_point_types.go, notification_policy_types.go,
 * mute_times_types.go, text_templates_types.go). Grafana passes over keys that it does not know, so that a misspelt one does nothing:
 * what is written here has exactly these.
 */
import * as z from 'zod';

const uid = z.string().regex(/^[A-Za-z0-9_-]{1,40}$/);
const orgId = z.literal(1);
const duration = z.string().regex(/^(\d+(ms|[smhdwy]))+$/);
/** `$NAME` would be taken for a variable of the environment; `$$` is a `$`. */
const literal = z.string().regex(/^([^$]|\$\$)*$/, 'has a $ that Grafana would interpolate');
const strings = z.record(z.string(), z.string());

const queryModel = z.strictObject({
  refId: z.string(),
  expr: z.string(),
  instant: z.literal(true),
  range: z.literal(false),
  editorMode: z.literal('code'),
});

/** A server-side expression (pkg/expr): its query has the data source `__expr__`. */
const mathModel = z.strictObject({ refId: z.string(), type: z.literal('math'), expression: z.string() });

const query = z.strictObject({
  refId: z.string().min(1),
  relativeTimeRange: z.strictObject({ from: z.int().positive(), to: z.int() }),
  datasourceUid: z.string(),
  model: z.union([queryModel, mathModel]),
});

const rule = z.strictObject({
  uid,
  title: z.string().min(1).max(190),
  condition: z.string().min(1),
  data: z.array(query).min(1),
  dashboardUid: uid,
  panelId: z.int().positive(),
  noDataState: z.enum(['OK', 'Alerting', 'NoData', 'KeepLast']),
  execErrState: z.enum(['OK', 'Alerting', 'Error', 'KeepLast']),
  for: duration,
  missing_series_evals_to_resolve: z.int().positive(),
  annotations: strings,
  labels: z.record(z.string(), literal),
  isPaused: z.literal(false),
});

const ruleGroup = z.strictObject({
  orgId,
  name: z.string().min(1),
  folder: z.string().min(1),
  interval: duration,
  rules: z.array(rule).min(1),
});

export const rulesFile = z.strictObject({
  apiVersion: z.literal(1),
  groups: z.array(ruleGroup),
  deleteRules: z.array(z.strictObject({ orgId, uid })).optional(),
});

const receiver = z.discriminatedUnion('type', [
  z.strictObject({
    uid,
    type: z.literal('webhook'),
    settings: z.strictObject({
      url: z.string(),
      httpMethod: z.literal('POST'),
      title: z.string(),
      message: z.string(),
    }),
  }),
  z.strictObject({
    uid,
    type: z.literal('email'),
    settings: z.strictObject({
      addresses: z.string(),
      singleEmail: z.literal(true),
      subject: z.string(),
      message: z.string(),
    }),
  }),
  z.strictObject({
    uid,
    type: z.literal('slack'),
    settings: z.strictObject({ url: z.string(), title: z.string(), text: z.string() }),
  }),
]);

export const contactPointsFile = z.strictObject({
  apiVersion: z.literal(1),
  contactPoints: z.array(z.strictObject({ orgId, name: z.string().min(1), receivers: z.array(receiver).min(1) })),
});

const route = z.strictObject({
  receiver: z.string().min(1),
  object_matchers: z.array(z.tuple([z.string(), z.enum(['=', '!=', '=~', '!~']), z.string()])),
  group_by: z.array(z.string()).optional(),
  group_wait: duration.optional(),
  group_interval: duration.optional(),
  repeat_interval: duration.optional(),
  mute_time_intervals: z.array(z.string()).optional(),
});

export const policiesFile = z.strictObject({
  apiVersion: z.literal(1),
  policies: z.array(
    z.strictObject({
      orgId,
      receiver: z.string().min(1),
      group_by: z.array(z.string()),
      group_wait: duration,
      group_interval: duration,
      repeat_interval: duration,
      routes: z.array(route),
    }),
  ),
});

const time = z.string().regex(/^([01]\d:[0-5]\d|2[0-3]:[0-5]\d|24:00)$/);

export const muteTimesFile = z.strictObject({
  apiVersion: z.literal(1),
  muteTimes: z.array(
    z.strictObject({
      orgId,
      name: z.string().min(1),
      time_intervals: z.array(
        z.strictObject({
          times: z.array(z.strictObject({ start_time: time, end_time: time })).optional(),
          weekdays: z.array(z.string().regex(/^[a-z]+(:[a-z]+)?$/)).optional(),
          location: z.string(),
        }),
      ),
    }),
  ),
});

export const templatesFile = z.strictObject({
  apiVersion: z.literal(1),
  templates: z.array(z.strictObject({ orgId, name: z.string().min(1), template: z.string() })),
});
