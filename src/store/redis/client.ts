import { Cluster, Redis } from 'ioredis';
import { backoffDelay } from '../../core/retry.ts';
import { type ClusterUrl, clusterUrlOf, type SentinelUrl, sentinelUrlOf } from '../../core/store-url.ts';
import { ACQUIRE } from './scripts/acquire.ts';
import { ADD_CONNECTION } from './scripts/add-connection.ts';
import { ANNOUNCE } from './scripts/announce.ts';
import { BEGIN } from './scripts/begin.ts';
import { CREATE } from './scripts/create.ts';
import { ENLIST } from './scripts/enlist.ts';
import { HIT } from './scripts/hit.ts';
import { PREPARE } from './scripts/prepare.ts';
import { PURGE } from './scripts/purge.ts';
import { RELEASE } from './scripts/release.ts';
import { RENEW } from './scripts/renew.ts';
import { REPLACE } from './scripts/replace.ts';
import { REPLICAS } from './scripts/replicas.ts';
import { TOUCH } from './scripts/touch.ts';

const RECONNECT = { baseMs: 50, maxMs: 1000 };

/** The scripts as methods, as ioredis makes them; each file in scripts/ says what its arguments and result are. */
export interface Scripts {
  prepareGeneration(key: string, name: string): Promise<number>;
  beginGeneration(key: string, name: string): Promise<number>;
  createSession(session: string, ...record: string[]): Promise<number>;
  touchSession(session: string): Promise<[record: string, deadline: number] | null>;
  replaceSession(session: string, ...recordAndVersion: string[]): Promise<number>;
  addConnection(session: string, field: string, record: string): Promise<number>;
  enlist(deadlines: string, id: string, idle: string, max: string): Promise<null>;
  purge(deadlines: string, ...ids: string[]): Promise<null>;
  acquireLease(lease: string, epoch: string, holder: string, ttl: string): Promise<number>;
  renewLease(lease: string, holder: string, ttl: string): Promise<number>;
  releaseLease(lease: string, holder: string): Promise<number>;
  announceReplica(replicas: string, reports: string, id: string, report: string, ttl: string): Promise<null>;
  listReplicas(replicas: string, reports: string): Promise<(string | null)[]>;
  countHit(hits: string, windowMs: string): Promise<number>;
}
export type RedisClient = Redis & Scripts;

/** Sentinels that are asked for the master, again and again until one knows it. */
function discoveryOf({ sentinels, name, db, sentinelPassword, ...access }: SentinelUrl, answerMs: number) {
  return {
    sentinels: [...sentinels],
    name,
    db,
    sentinelRetryStrategy: retryStrategy,
    sentinelCommandTimeout: answerMs,
    enableTLSForSentinelMode: access.tls,
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    ...credentialsOf(access),
  };
}

/** What holds for every connection. */
const CONNECTION = {
  // After a failover the address may lead to the new master.
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  maxRetriesPerRequest: 0,
  maxLoadingRetryTime: RECONNECT.maxMs,
  disableClientInfo: true,
};

const retryStrategy = (failures: number) => backoffDelay(RECONNECT, failures, Math.random());

const SCRIPTS = {
  prepareGeneration: { lua: PREPARE, numberOfKeys: 1 },
  beginGeneration: { lua: BEGIN, numberOfKeys: 1 },
  createSession: { lua: CREATE, numberOfKeys: 1 },
  touchSession: { lua: TOUCH, numberOfKeys: 1 },
  replaceSession: { lua: REPLACE, numberOfKeys: 1 },
  addConnection: { lua: ADD_CONNECTION, numberOfKeys: 1 },
  enlist: { lua: ENLIST, numberOfKeys: 1 },
  purge: { lua: PURGE, numberOfKeys: 1 },
  acquireLease: { lua: ACQUIRE, numberOfKeys: 2 },
  renewLease: { lua: RENEW, numberOfKeys: 1 },
  releaseLease: { lua: RELEASE, numberOfKeys: 1 },
  announceReplica: { lua: ANNOUNCE, numberOfKeys: 2 },
  listReplicas: { lua: REPLICAS, numberOfKeys: 2 },
  countHit: { lua: HIT, numberOfKeys: 1 },
};

/**
 * A client for which an outage is a value, soon: nothing is queued while there is no connection, nothing is sent twice (a
 * `create` that is repeated would answer "there already"), and a server that stops answering loses the connection.
 * @param answerMs how long the server may take to answer anything, milliseconds
 */
export function connectRedis(url: string, answerMs: number): RedisClient {
  const [cluster, sentinel] = [clusterUrlOf(url), sentinelUrlOf(url)];
  const limits = { connectTimeout: answerMs, socketTimeout: answerMs };
  const options = { ...CONNECTION, ...limits, enableOfflineQueue: false, retryStrategy, scripts: SCRIPTS };
  const client = cluster
    ? clusterOf(cluster, limits)
    : sentinel
      ? new Redis({ ...options, ...discoveryOf(sentinel, answerMs) })
      : new Redis(url, options);
  client.setMaxListeners(0);
  // Whoever asks during an outage is told; without a listener ioredis would write to the console.
  client.on('error', () => {});
  return client as RedisClient;
}

/** A client of all nodes: what it can be asked is what one server can. */
function clusterOf(
  { nodes, ...access }: ClusterUrl,
  limits: { connectTimeout: number; socketTimeout: number },
): Cluster {
  return new Cluster([...nodes], {
    redisOptions: { ...CONNECTION, ...limits, ...credentialsOf(access) },
    // A node is connected to with the first command for it, which waits for that: no longer than `connectTimeout`.
    enableOfflineQueue: true,
    clusterRetryStrategy: retryStrategy,
    slotsRefreshTimeout: limits.connectTimeout,
    // Else what was on its way when a connection broke would be sent again.
    retryDelayOnFailover: 0,
    scripts: SCRIPTS,
  });
}

function credentialsOf({ tls, username, password }: Pick<ClusterUrl, 'tls' | 'username' | 'password'>) {
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { tls: {} } : {}),
  };
}
