import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/core/errors.ts';
import { createLogger } from '../../src/telemetry/logger.ts';

function recorded(level: 'debug' | 'info' | 'warn' | 'error') {
  const lines: Record<string, unknown>[] = [];
  const written: string[] = [];
  const write = (line: string) => {
    written.push(line);
    lines.push(JSON.parse(line));
  };
  return { lines, written, log: createLogger({ level, destination: { write } }) };
}

describe('logger', () => {
  it('writes one JSON object per entry, with level and time in words', () => {
    const { lines, log } = recorded('info');
    log.child({ session: 's' }).warn({ server: 'filesystem' }, 'it ended');
    expect(lines).toEqual([
      {
        level: 'warn',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        session: 's',
        server: 'filesystem',
        message: 'it ended',
      },
    ]);
  });

  it('leaves out what is below its level', () => {
    const { lines, log } = recorded('warn');
    log.info({}, 'quiet');
    log.error({}, 'loud');
    expect(lines.map((line) => line.message)).toEqual(['loud']);
  });

  it('takes secrets out wherever they are given by name', () => {
    const { lines, log } = recorded('info');
    log.info({ token: 'hunter2', headers: { authorization: 'Bearer hunter2' }, variables: { A: 'hunter2' } }, 'x');
    expect(JSON.stringify(lines)).not.toContain('hunter2');
    expect(lines[0]).toMatchObject({ token: '[redacted]' });
  });

  it('[attack.22] writes no control character, however it is encoded', () => {
    const { lines, written, log } = recorded('info');
    log.info({ said: '\x1b]0;x\x07\x7f\u009b31m' }, 'x');
    expect(written.join('')).not.toMatch(/[^\P{Cc}\n]/u);
    expect(lines[0]?.said).toBe('\x1b]0;x\x07\x7f\u009b31m');
  });

  it('writes an error with its cause', () => {
    const { lines, log } = recorded('info');
    log.error({ error: new AppError('internal', 'outer', { cause: new Error('inner') }) }, 'x');
    expect(lines[0]?.error).toMatchObject({ type: 'AppError', message: 'outer', cause: { message: 'inner' } });
  });
});
