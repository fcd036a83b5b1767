import type { ServerName } from '../core/ids.ts';
import { type ServerState, type SessionRecord, serverOf, withServer } from '../core/session.ts';
import type { Signals } from '../core/signals.ts';
import { type UpdateContext, updateRecord } from '../sessions/update.ts';

export interface WriteContext extends UpdateContext {
  readonly signals: Signals;
}

/** Writes what became of the server as it was `seen`; false if somebody has asked for something else since. */
export async function writeState(
  context: WriteContext,
  seen: SessionRecord,
  name: ServerName,
  state: ServerState,
): Promise<boolean> {
  const before = serverOf(seen, name);
  const updated = await updateRecord(context, seen.id, (record) => {
    const server = serverOf(record, name);
    const same = server?.generation === before?.generation && server?.desired === before?.desired;
    return server && same && record.nonce === seen.nonce ? withServer(record, name, { state }) : record;
  });
  if (!updated?.written) return false;
  context.signals.publish(seen.id);
  return true;
}
