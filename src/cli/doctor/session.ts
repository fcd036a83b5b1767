import type { ServerView } from '../../core/api.ts';
import { AppError, messageOf } from '../../core/errors.ts';
import { counted } from '../../core/words.ts';
import type { CliIo } from '../io.ts';
import { requireSession } from '../session-access.ts';
import { type Finding, ok, problem, skipped } from './finding.ts';

/** This terminal's session and its servers. */
export async function checkSession(io: CliIo): Promise<Finding[]> {
  try {
    const { session } = await requireSession(io);
    const bad = session.servers.filter(({ state }) => state === 'failed' || state === 'failing');
    const findings = bad.map(findingOf);
    if (findings.some(({ status }) => status === 'problem')) return findings;
    return [ok('session', `${session.id}, ${counted(session.servers.length, 'server')}`), ...findings];
  } catch (error) {
    const code = error instanceof AppError ? error.code : undefined;
    if (code === 'session.over') return [skipped('session', 'this terminal has none')];
    const why = code === 'manager.unreachable' ? 'the manager does not answer' : messageOf(error);
    return [skipped('session', `not looked at: ${why}`)];
  }
}

/** A server that this terminal has set nothing for is no problem: whoever wants it is told how. */
function findingOf({ name, reason = 'it does not run', unconfigured }: ServerView): Finding {
  if (unconfigured) return skipped('session', `${name}: ${reason}`);
  return problem(
    'session',
    `${name}: ${reason}`,
    `see 'logs ${name}'; then run 'restart ${name}', or 'init' again if a variable of this terminal was changed`,
  );
}
