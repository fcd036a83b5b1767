import { setTimeout as sleep } from 'node:timers/promises';
import { HttpClient } from './http-client.ts';
import { Manager } from './manager.ts';
import { residentKiB } from './procfs.ts';

/** Opened before: a gateway that has served nothing yet grows by more than what connections take. */
const BEFORE = 200;
const CONNECTIONS = 1000;
const SETTLE_MS = 2000;

/** What connections cost the gateway's process, KiB of resident memory each. */
export interface Memory {
  readonly idle: number;
  readonly streaming: number;
}

export async function measureMemory(): Promise<Memory> {
  return { idle: await growth(false), streaming: await growth(true) };
}

/** @param listening with the GET stream of each connection open */
async function growth(listening: boolean): Promise<number> {
  await using manager = await Manager.start();
  const { token } = await manager.open(['module']);
  await using client = new HttpClient(manager.endpoint('module'), token);
  const connect = async (count: number): Promise<void> => {
    for (let opened = 0; opened < count; opened++) {
      const conversation = await client.open();
      if (listening) await conversation.listen();
    }
    await sleep(SETTLE_MS);
  };
  await connect(BEFORE);
  const before = residentKiB(manager.pid);
  await connect(CONNECTIONS);
  return (residentKiB(manager.pid) - before) / CONNECTIONS;
}
