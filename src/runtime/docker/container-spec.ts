import { basename, dirname } from 'node:path';
import type { ContainerCreateOptions, HostConfig, MountSettings } from 'dockerode';
import type { CatalogueEntry } from '../../core/catalogue.ts';
import { AppError } from '../../core/errors.ts';
import type { InstanceSpec } from '../../core/runtime.ts';
import { labelsFor } from '../labels.ts';
import { AUDIT, LEDGER, type Slot } from '../slots.ts';
import type { Owner } from './workspace.ts';

/** Where things are inside an instance. */
const SOCKETS = '/run/host';
const CONFIG = '/config';
const EGRESS = '/run/egress';
/** A log has two files of this size at the most. */
const LOG_SIZE = '5m';
const MIB = 2 ** 20;

/** What an instance may use if the catalogue does not say. */
export interface InstanceLimits {
  /** Swap included. */
  readonly memoryBytes: number;
  readonly cpus: number;
  /** Processes and threads. */
  readonly pids: number;
}

export interface ContainerPolicy {
  readonly deployment: string;
  /** For servers whose entry names none. An entry's own is built on this one. */
  readonly image: string;
  /** Program and first arguments of a host, in the image. */
  readonly hostCommand: readonly string[];
  /** Group of the sockets. */
  readonly group: number;
  readonly limits: InstanceLimits;
  /** Whether an entry of the catalogue may ask for a network. */
  readonly allowBridge: boolean;
  /** Path of the egress proxy's socket. */
  readonly egressSocket: string;
}

/** One instance's own part. */
export interface ContainerPlace {
  readonly slot: Slot;
  /** The container's name, which no other can have: two starts of the same server never make two. */
  readonly name: string;
  readonly owner: Owner;
  /** Milliseconds since the epoch. */
  readonly madeAt: number;
}

/**
 * The container of an instance: an ordinary user's, with no capability, nothing to write to but its workspace and bounded
 * memory, and no network (D9). Nothing in it is secret: everybody who may ask the engine sees it.
 * @param entry absent: the catalogue has no such server, whose defaults apply then
 * @throws AppError `config.invalid` if the entry asks for what the operator does not allow
 */
export function containerOf(
  policy: ContainerPolicy,
  { labels, workspace }: InstanceSpec,
  entry: CatalogueEntry | undefined,
  { slot, name, owner, madeAt }: ContainerPlace,
): ContainerCreateOptions {
  const egress = entry?.network === 'egress';
  return {
    name,
    Image: entry?.image ?? policy.image,
    Entrypoint: [...policy.hostCommand],
    Cmd: [
      ...['--socket', `${SOCKETS}/host.sock`, '--socket-mode', '660', '--config-dir', CONFIG],
      ...['--ledger', `${SOCKETS}/${LEDGER}`, '--audit', `${SOCKETS}/${AUDIT}`],
      ...['--labels', JSON.stringify(labels)],
    ],
    User: `${owner.uid}:${owner.gid}`,
    WorkingDir: '/',
    Env: [
      'HOME=/tmp',
      `MCP_SESSION_ID=${labels.session}`,
      `MCP_CONFIG_DIR=${CONFIG}`,
      ...(egress ? [`MCP_EGRESS_SOCKET=${EGRESS}/${basename(policy.egressSocket)}`] : []),
    ],
    Labels: labelsFor(policy.deployment, { labels, madeAt }),
    StopSignal: 'SIGTERM',
    // The controller looks after the host itself; an image's own check would be a process more, again and again.
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      ...confinement(policy, entry, owner),
      Mounts: [
        ...(entry?.workspace === false ? [] : [bind(workspace, workspace)]),
        bind(slot.directory, SOCKETS),
        ...(egress ? [bind(dirname(policy.egressSocket), EGRESS, true)] : []),
        ...(entry?.mounts ?? []).map(({ source, target, readOnly }) => bind(source, target, readOnly)),
      ],
    },
  };
}

function confinement(policy: ContainerPolicy, entry: CatalogueEntry | undefined, { uid, gid }: Owner): HostConfig {
  const { memoryMb, cpus = policy.limits.cpus, pids = policy.limits.pids } = entry?.limits ?? {};
  const memory = memoryMb === undefined ? policy.limits.memoryBytes : memoryMb * MIB;
  const bridge = entry?.network === 'bridge';
  if (bridge && !policy.allowBridge)
    throw new AppError(
      'config.invalid',
      `Server "${entry.name}" asks for a network of its own ("network": "bridge"), which is not allowed here: use "egress", or set allowBridge`,
    );
  return {
    NetworkMode: bridge ? 'bridge' : 'none',
    ReadonlyRootfs: true,
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges'],
    GroupAdd: [String(policy.group)],
    Memory: memory,
    MemorySwap: memory,
    NanoCpus: Math.round(cpus * 1e9),
    PidsLimit: pids,
    // Ends what outlives its parent, and passes SIGTERM on.
    Init: true,
    Tmpfs: {
      '/tmp': 'rw,noexec,nosuid,nodev,size=64m,mode=1777',
      [CONFIG]: `rw,noexec,nosuid,nodev,size=32m,mode=0700,uid=${uid},gid=${gid}`,
    },
    LogConfig: { Type: 'local', Config: { 'max-size': LOG_SIZE, 'max-file': '2' } },
    // The controller restarts.
    RestartPolicy: { Name: 'no' },
  };
}

function bind(source: string, target: string, readOnly = false): MountSettings {
  return { Type: 'bind', Source: source, Target: target, ReadOnly: readOnly };
}
