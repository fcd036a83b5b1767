import { describe } from 'vitest';
import { FakeClock } from '../fakes/fake-clock.ts';
import { MemoryStore } from '../fakes/memory-store.ts';
import { sessionStoreContract } from './session-store.ts';

// The fake that the unit tests of the control plane stand on keeps the same contract as the real stores.
describe('memory store (fake)', () =>
  sessionStoreContract(async () => {
    const clock = new FakeClock();
    const store = new MemoryStore(clock);
    return {
      stores: [store, store],
      now: () => clock.now(),
      pass: (ms) => clock.advance(ms),
      [Symbol.asyncDispose]: async () => {},
    };
  }));
