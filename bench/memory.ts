import { setTimeout as sleep } from 'node:timers/promises';
import { HttpClient } from './http-client.ts';
import { Manager } from './manager.ts';
import { residentKiB } from './procfs.ts';

/** Opened first: with them a new gateway's heap grows to its working size, which it keeps. */
const FIRST = 1000;
const MORE = 2000;
const SETTLE_MS = 1000;

/** SIGUSR2 has the gateway collect its garbage. What it has not collected yet says how busy it was, not what it holds. */
const COLLECTABLE = ['--expose-gc', '--import', new URL('collect.ts', import.meta.url).href];

/** How much the gateway's process grows, KiB of resident memory for each connection. */
export interface Memory {
  /** By the first connections after its start. */
  readonly first: number;
  /** By each one more. */
  readonly idle: number;
  /** By each one more with its GET stream open. */
  readonly streaming: number;
}

export async function measureMemory(): Promise<Memory> {
  const idle = await growth(false);
  const streaming = await growth(true);
  return { first: idle.first, idle: idle.more, streaming: streaming.more };
}

/** @param listening with the GET stream of each connection open */
async function growth(listening: boolean): Promise<{ first: number; more: number }> {
  await using manager = await Manager.start(COLLECTABLE);
  const { token } = await manager.open(['module']);
  await using client = new HttpClient(manager.endpoint('module'), token);
  let held = await holding(manager.pid);
  const connect = async (count: number): Promise<number> => {
    for (let opened = 0; opened < count; opened++) {
      const conversation = await client.open();
      if (listening) await conversation.listen();
    }
    const before = held;
    held = await holding(manager.pid);
    return (held - before) / count;
  };
  return { first: await connect(FIRST), more: await connect(MORE) };
}

/** Resident memory without garbage, KiB. */
async function holding(pid: number): Promise<number> {
  await sleep(SETTLE_MS);
  process.kill(pid, 'SIGUSR2');
  await sleep(SETTLE_MS);
  return residentKiB(pid);
}
