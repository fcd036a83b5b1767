import type { V1Pod } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import { clusterError, LACKS } from '../../src/runtime/kubernetes/cluster-errors.ts';
import { type PodState, stateOf } from '../../src/runtime/kubernetes/pod-state.ts';
import { METRICS } from '../../src/telemetry/metrics/catalogue.ts';
import recorded from './kubernetes-pods.json' with { type: 'json' };

type Recorded = keyof typeof recorded;

/** What Pods said of themselves on Kubernetes 1.36.2, without what does not matter here. */
const podOf = (name: Recorded) => recorded[name] as unknown as V1Pod;
const why = (words: RegExp) => ({ why: expect.stringMatching(words) });
const hopeless = { is: 'starting', hopeless: true };

const STATES: Readonly<Record<Recorded, object>> = {
  new: { is: 'starting', ...why(/does not run yet/) },
  creating: { is: 'starting', ...why(/does not run yet/) },
  running: { is: 'running' },
  terminating: { is: 'ended', ...why(/^its Pod is being removed$/) },
  'no image': { ...hopeless, lack: 'image', ...why(/^ErrImagePull: .*nowhere/) },
  'invalid image': { ...hopeless, ...why(/^InvalidImageName: /) },
  'runs as root': { ...hopeless, ...why(/^CreateContainerConfigError: .*run as root/) },
  'no room': { is: 'starting', lack: 'room', ...why(/^no node has room for it: .*Insufficient memory/) },
  'no claim': { ...hopeless, lack: 'workspace', ...why(/"elsewhere" not found/) },
  'out of memory': { is: 'ended', ...why(/^it ran out of memory: it may have 100 MiB/) },
  'unknown end': { is: 'ended', ...why(/does not know what became of it$/) },
  'maximum age': { is: 'ended', ...why(/maximum age$/) },
  drained: { is: 'ended', ...why(/^it was evicted: its node is drained$/) },
  'refused by its node': { is: 'ended', lack: 'room', ...why(/^its node refused it \(OutOfcpu\): .*enough resource/) },
  'evicted by its node': { is: 'ended', ...why(/^its node evicted it: Usage of EmptyDir/) },
  'exit code 3': { is: 'ended', ...why(/^its container ended with exit code 3$/) },
  'no such program': { is: 'ended', ...why(/exit code 128: .*"nowhere": executable file not found/) },
  'lost node': { is: 'ended', lost: true, ...why(/^its node was lost$/) },
};

describe('a Pod', () => {
  it.each(Object.keys(STATES) as Recorded[])('%s', (name) => {
    expect(stateOf(podOf(name))).toEqual(STATES[name]);
  });

  it('runs only once it has an address', () => {
    const { status, ...pod } = podOf('running');
    const { podIP: _, ...without } = status ?? {};
    expect(stateOf({ ...pod, status: without })).toMatchObject({ is: 'starting' } satisfies Partial<PodState>);
  });
});

it('a metric counts each thing that may be lacking', () => {
  expect(METRICS.mcp_runtime_unavailable_total.labels.reason).toEqual(expect.arrayContaining([...LACKS]));
});

describe('an answer of the API server', () => {
  const body = (message: string) => ({ kind: 'Status', status: 'Failure', message });
  const lack = (name: string) => ({ code: 'runtime.unavailable', retryAfter: 5, data: { lack: name } });
  it.each([
    ['pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0', 403, lack('quota')],
    [
      'pods is forbidden: User "u" cannot list resource "pods" in API group "" in the namespace "n"',
      403,
      lack('permission'),
    ],
    [
      'pods "x" is forbidden: error looking up service account n/s: serviceaccount "s" not found',
      403,
      lack('permission'),
    ],
    [
      'pods "x" is forbidden: unable to create new content in namespace n because it is being terminated',
      403,
      lack('namespace'),
    ],
    ['namespaces "n" not found', 404, lack('namespace')],
    ['Unauthorized', 401, lack('permission')],
    ['the server is currently unable to handle the request', 503, lack('cluster')],
    ['too many requests', 429, lack('cluster')],
    [
      'pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
      403,
      { code: 'config.invalid' },
    ],
    ['pods "x" is forbidden: no PriorityClass with name p was found', 403, { code: 'config.invalid' }],
    ['Pod "x" is invalid: spec.containers[0].image: Required value', 422, { code: 'config.invalid' }],
  ])('%s', (message, code, meaning) => {
    const expected = { ...meaning, message: expect.stringContaining(message) };
    expect(clusterError({ code, body: body(message) }, 'n')).toMatchObject(expected);
    expect(clusterError({ code, body: JSON.stringify(body(message)) }, 'n')).toMatchObject(expected);
  });

  it.each([
    [{ code: 409, body: { reason: 'Conflict', message: 'resourcequotas "sessions": the object has been modified' } }],
    [{ code: 429, body: { message: 'too many requests' } }],
  ])('that asks for patience is an outage', (error) => {
    expect(clusterError(error, 'n')).toMatchObject({
      ...lack('cluster'),
      message: expect.stringContaining(error.body.message),
    });
  });

  it('that never came is an outage, with the reason', () => {
    const error = new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED 127.0.0.1:6443') });
    expect(clusterError(error, 'n')).toMatchObject({
      ...lack('cluster'),
      message: expect.stringContaining('fetch failed: connect ECONNREFUSED'),
    });
  });
});
