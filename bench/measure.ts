import { randomBytes } from 'node:crypto';
import type { Conversation } from './conversation.ts';
import { cpuMs } from './procfs.ts';

/** Length of the text in a call, characters. */
const TEXT = 64;

export interface Load {
  /** Call number i goes to conversation i modulo their number. */
  readonly conversations: readonly Conversation[];
  readonly inFlight: number;
  readonly calls: number;
  /** Calls made before, and not measured. */
  readonly warmUp: number;
  /** The process whose own CPU time counts. */
  readonly pid: number;
  /** That process and all that work for it. */
  readonly tree: readonly number[];
}

export interface Measured {
  /** Latency, milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly callsPerSecond: number;
  /** User and system time for each call, milliseconds: the process's own, and the whole tree's. */
  readonly ownCpuMs: number;
  readonly treeCpuMs: number;
}

/** Calls `echo` again and again; a call that fails, or gets another's answer, rejects. */
export async function measure({ conversations, inFlight, calls, warmUp, pid, tree }: Load): Promise<Measured> {
  await run(conversations, inFlight, warmUp);
  const before = { own: cpuMs([pid]), tree: cpuMs(tree) };
  const began = performance.now();
  const latencies = (await run(conversations, inFlight, calls)).sort();
  const ms = performance.now() - began;
  return {
    p50: latencies[Math.floor(calls * 0.5)] as number,
    p99: latencies[Math.floor(calls * 0.99)] as number,
    callsPerSecond: (calls / ms) * 1000,
    ownCpuMs: (cpuMs([pid]) - before.own) / calls,
    treeCpuMs: (cpuMs(tree) - before.tree) / calls,
  };
}

async function run(conversations: readonly Conversation[], inFlight: number, calls: number): Promise<Float64Array> {
  const latencies = new Float64Array(calls);
  const salt = randomBytes(TEXT / 2).toString('hex');
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < calls) {
      const call = next++;
      const text = `${call}-${salt}`.slice(0, TEXT);
      const began = performance.now();
      await (conversations[call % conversations.length] as Conversation).echo(text);
      latencies[call] = performance.now() - began;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return latencies;
}

/** The one in the middle; of an even number, the lower of the two. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] as number;
}
