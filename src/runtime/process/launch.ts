import { spawn } from 'node:child_process';
import type { InstanceLabels } from '../../core/runtime.ts';
import type { Slot } from './layout.ts';
import { openLog } from './log-file.ts';

/** The variable by which every process of an instance is known; its value is the path of the pid file. */
export const MARK = 'MCP_PID_FILE';

/** What an instance gets of the manager's environment: enough to run programs, none of the manager's secrets. */
const PASSED_ON = [
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'SHELL',
  'LANG',
  'LC_ALL',
  'LC_CTYPE',
  'TZ',
  'TMPDIR',
  'XDG_CACHE_HOME',
  'XDG_CONFIG_HOME',
  'XDG_DATA_HOME',
  // Certificate authorities of the place, without which a server reaches nothing by TLS.
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_DIR',
  'SSL_CERT_FILE',
  // Where Node keeps compiled code: without it a host starts slower.
  'NODE_COMPILE_CACHE',
];

/** A host that was started and is not ready yet. */
export interface Launched {
  readonly pid: number | undefined;
  /** Why it has ended, once it has. */
  failure(): string | undefined;
  /** Size of its log before it wrote to it, bytes. */
  readonly logStart: number;
}

/** Starts a host: detached, so that it outlives the manager, in a session and process group of its own. */
export async function launch(
  slot: Slot,
  labels: InstanceLabels,
  hostCommand: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Launched> {
  const [program = '', ...args] = hostCommand;
  const paths = [
    '--socket',
    slot.socket,
    '--pid-file',
    slot.pidFile,
    '--log',
    slot.log,
    '--config-dir',
    slot.configDir,
    '--ledger',
    slot.ledger,
    '--audit',
    slot.audit,
  ];
  await using log = await openLog(slot.log);
  const logStart = (await log.stat()).size;
  const child = spawn(program, [...args, ...paths, '--labels', JSON.stringify(labels)], {
    cwd: '/', // keeps no directory of anybody's busy
    detached: true,
    env: environmentOf(slot, env),
    stdio: ['ignore', log.fd, log.fd],
  });
  child.unref();
  let failure: string | undefined;
  child.once('error', (error) => {
    failure = `the host cannot be started: ${error.message}`;
  });
  child.once('exit', (code, signal) => {
    failure = signal ? `the host was ended by ${signal}` : `the host ended with exit code ${code}`;
  });
  return { pid: child.pid, failure: () => failure, logStart };
}

function environmentOf(slot: Slot, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const passed = PASSED_ON.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]));
  return {
    ...Object.fromEntries(passed),
    MCP_SESSION_ID: slot.session,
    MCP_CONFIG_DIR: slot.configDir,
    [MARK]: slot.pidFile,
  };
}
