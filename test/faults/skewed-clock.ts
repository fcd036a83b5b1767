/**
 * Loaded before the program (`node --import`): the time of day is wrong by the milliseconds in the file /tmp/clock-offset,
 * which may change at any time. Timers are as they were, as with a real clock that somebody sets.
 */
import { readFileSync } from 'node:fs';

const FILE = '/tmp/clock-offset';
const EVERY_MS = 100;

const RealDate = Date;
let offset = 0;

class SkewedDate extends RealDate {
  constructor(...args: []) {
    super(...(args.length === 0 ? ([RealDate.now() + offset] as unknown as []) : args));
  }
  static override now(): number {
    return RealDate.now() + offset;
  }
}

function read(): void {
  try {
    offset = Number(readFileSync(FILE, 'utf8')) || 0;
  } catch {
    offset = 0; // no such file: the clock is right
  }
}

globalThis.Date = SkewedDate as DateConstructor;
setInterval(read, EVERY_MS).unref();
