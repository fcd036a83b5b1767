import { kubectl, MANAGER, SESSIONS } from './kubernetes-stack.ts';

/** How long a connection may take, milliseconds. */
const SILENCE_MS = 3000;
const SCRIPT = `
const [host, port] = process.argv.slice(1);
const say = (what) => { console.log(what); process.exit(0); };
require('node:net').connect({ host, port: +port, timeout: ${SILENCE_MS} })
  .on('connect', () => say('open')).on('timeout', () => say('shut')).on('error', () => say('shut'));
`;

interface Peer {
  readonly namespace: string;
  readonly pod: string;
  readonly address: string;
}

/** A Pod that runs, of a part of the deployment. */
async function peer(namespace: string, component: string): Promise<Peer> {
  const of = ['-l', `app.kubernetes.io/component=${component}`, '--field-selector=status.phase=Running'];
  const what = 'jsonpath={.items[0].metadata.name} {.items[0].status.podIP}';
  const [pod = '', address = ''] = (await kubectl(['-n', namespace, 'get', 'pods', ...of, '-o', what])).split(' ');
  return { namespace, pod, address };
}

const WAYS = [
  ['gateway', 'redis'],
  ['gateway', 'instance'],
  ['gateway', 'controller'],
  ['gateway', 'api'],
  ['controller', 'redis'],
  ['controller', 'instance'],
  ['controller', 'gateway'],
  ['controller', 'api'],
  ['instance', 'redis'],
  ['instance', 'gateway'],
  ['instance', 'controller'],
  ['instance', 'api'],
] as const;

/** Who gets through to whom: `from -> to` -> `open` or `shut`, as connections from within the Pods have found it. */
export async function reached(): Promise<Record<string, string>> {
  const pods = {
    gateway: await peer(MANAGER, 'gateway'),
    controller: await peer(MANAGER, 'controller'),
    redis: await peer(MANAGER, 'redis'),
    instance: await peer(SESSIONS, 'instance'),
  };
  const api = await kubectl(['get', 'service', 'kubernetes', '-n', 'default', '-o', 'jsonpath={.spec.clusterIP}']);
  const places = {
    gateway: [pods.gateway.address, '8900'],
    controller: [pods.controller.address, '8900'],
    redis: [pods.redis.address, '6379'],
    instance: [pods.instance.address, '8700'],
    api: [api, '443'],
  } as const;
  const result: Record<string, string> = {};
  for (const [from, to] of WAYS) {
    const { namespace, pod } = pods[from];
    result[`${from} -> ${to}`] = await kubectl([
      '-n',
      namespace,
      'exec',
      pod,
      '--',
      'node',
      '-e',
      SCRIPT,
      ...places[to],
    ]);
  }
  return result;
}
