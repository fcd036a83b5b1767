/** Writes docs/metrics.md from the table of metrics: node scripts/metrics-doc.ts */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { METRICS } from '../src/telemetry/metrics/catalogue.ts';
import type { LabelValues, MetricDefinition } from '../src/telemetry/metrics/definition.ts';

const FILE = fileURLToPath(new URL('../docs/metrics.md', import.meta.url));

const HEAD = `# Metrics

Made from \`src/telemetry/metrics/catalogue.ts\` by \`node scripts/metrics-doc.ts\`; not to be edited.

Every process shows its own at \`GET /metrics\`, on a port that clients do not reach: \`metricsPort\` ([configuration.md](configuration.md)),
9464 in the composed stack, off with \`npm start\` unless it is set. \`npm start\` shows what a gateway and a controller show. Besides those
below there are \`process_*\` and \`nodejs_*\` of the library that makes them (prom-client), the event loop's lag among them
(\`nodejs_eventloop_lag_p99_seconds\`).

Series whose labels can all be listed are there from the beginning, at 0, so that a first failure is an increase. Those with the name of a
tool or a revision begin with their first event, which \`increase()\` does not see: \`mcp_tool_calls_total\` counts calls for whoever reckons. No label holds an
id, an owner, an address or a text of somebody's: what is not one of its values is counted as \`other\`. Those of \`server\` are the names of
the catalogue's entries; those of \`gen_ai_tool_name\` the \`tools\` that entries name, without the server's name at \`/mcp\`, and empty for
whatever is no call of a tool.

## What some of them mean

- **Operations** are requests of clients, of every revision, each counted once, by the replica that it came to; notifications are none.
  One of a batch counts as one. A request that asks for an answer by the client's own stream (HTTP+SSE) ends when it is answered there;
  that a tool has failed is seen where the stream is, so it is counted as a failure if that is the same replica. \`subscriptions/listen\` ends with its
  acknowledgement. \`cancelled\` is also a client whose connection broke; what it then gets elsewhere is no second operation. One that a
  replica gives away because it ends counts as served, with the time until then.
- **Calls of tools** (\`mcp_tool_calls_total\`) are the operations \`tools/call\` by \`error_type\` alone. By them the recording rules reckon what share failed
  through a fault of ours: a tool that is called at a gateway for the first time and fails counts like any other.
- **Added time** is measured for requests that go to one server and whose answer comes back the same way: not for HTTP+SSE, nor for lists of all
  servers. What a client waits for while its server is started, or the store is away, is not part of it, nor is what it takes to send its body.
  That in which a request or its answer lay before a busy gateway is, as the longest that it can have been: nobody notes when it came.
- **Held** is who waits for the one server that it asked for, or for a store that does not answer. What is asked of all servers at once is
  answered without those that are late, and is not held.
- **Lost sessions**: \`mcp_session_lost_total\` counts requests that were answered with 404 although their session should be there: the
  token is valid, nobody has ended the session, and it cannot have expired. The last follows from when this replica has last kept the session
  alive, or from the token, which was issued while the session was in use; two minutes are allowed for clocks that differ. What cannot be known is
  counted as \`over\`: a session that this replica never served and whose token is older than the idle time, one that was ended more than 24 hours ago, and
  everything while it cannot be asked whether a session was ended. So what it counts is lost, and it may miss some. One case is counted that is
  none: a session that was ended, whose mark the store has lost with everything else, and whose client comes back afterwards for the first time, to
  another process than the one that ended it. The log names each session that is counted.
- **Instances** are what sessions want: counted by their records in each look at everything (\`reconcileInterval\`). Only the controller in
  charge says how things are; the others show 0. \`unconfigured\` is a server whose terminal has set nothing of what it needs, which is the usual
  state of one that is not used. A start that is given up because nobody wants it any more is none; one that could not be tried counts as
  \`unavailable\` with each attempt.
- **Orphans** are instances that run and whose session is not there. Those of a session that has just expired are among them until they have ended, so
  that \`mcp_orphans_found_total\` grows in normal life; \`mcp_orphans\` does not: what is in it has been there for longer than an instance may
  take to end.
- **Hosts** (\`mcp_host_*\`, \`mcp_certificate_*\`) are asked by the controller in charge, a few at a time (\`surveyInterval\`), for what their instances
  use. Counters are sums of what each has counted since it was asked last, over its restarts; what an instance did after it was asked last is lost with it, and
  what one did before its controller took over is not counted. Gauges are sums over the hosts that have answered. In a container memory and time are those of its control
  group; else those of the host's process and of what descends from it. What a host shows of itself at \`/metrics\` on its own socket has the same names, without labels.
- **Certificates** are those that hosts of a server's configuration have shown it since its instance began: today the Proxmox server tells of
  them. One that is refused is not told of; nor is one that has run out already, where an authority is asked.
- **Images** are never pulled: one that is missing counts in \`mcp_runtime_unavailable_total{reason="image"}\`.
- \`mcp_store_up\`, \`mcp_gateway_ready\`: each showing asks the store once. A Redis that is full, or cannot write its file, still answers; so \`mcp_store_up\` is
  0 also while it refuses what each process writes every five seconds, that it is there. \`mcp_gateway_ready\` stays: those whom a gateway knows it serves.
`;

/** The whole file. */
export function metricsDoc(): string {
  const rows = Object.entries(METRICS).map(([name, metric]) => row(name, metric));
  const table = ['| metric | type | shown by | labels | what |', '|---|---|---|---|---|', ...rows].join('\n');
  return `${HEAD}\n## All of them\n\n${table}\n`;
}

function row(name: string, { type, roles, labels = {}, help, buckets, sparse }: MetricDefinition): string {
  const named = Object.entries(labels).map(([label, values]) => `\`${label}\`: ${valuesOf(values)}`);
  const bounds = buckets ? `. Buckets: ${buckets.join(', ')}` : '';
  const absent = sparse ? '. Absent before there is a value' : '';
  return `| \`${name}\` | ${type} | ${roles.join(', ')} | ${named.join('; ')} | ${help}${bounds}${absent} |`;
}

function valuesOf(values: LabelValues): string {
  if (values === 'server') return 'a server, `other`';
  if (values === 'tool') return 'a tool, `other`, empty';
  if (values === 'version') return 'a version';
  return values.map((value) => (value === '' ? 'empty' : `\`${value}\``)).join(', ');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(FILE, metricsDoc());
