/** Creates and changes sessions without end in the store at argv[2]; prints a session's id when both were acknowledged. */
import { writeSync } from 'node:fs';
import { systemClock } from '../../src/core/clock.ts';
import { changed } from '../../src/core/session.ts';
import { EmbeddedStore } from '../../src/store/embedded/store.ts';
import { connectionRecord, sessionRecord } from '../support/records.ts';

const store = new EmbeddedStore({ path: process.argv[2] ?? '', clock: systemClock });
for (;;) {
  const record = sessionRecord(Date.now());
  await store.create(record);
  await store.replace(changed(record, { keep: true }));
  await store.add(connectionRecord(record.id));
  writeSync(1, `${record.id}\n`);
}
