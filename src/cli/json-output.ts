import { printableJson } from './text.ts';

/** Which shape a command's `--json` has; the number rises when a field is taken away or changes its meaning, not for a new one. */
type Shape =
  | 'status'
  | 'sessions'
  | 'session'
  | 'users'
  | 'log'
  | 'cleanup'
  | 'whoami'
  | 'doctor'
  | 'mcp-config'
  | 'config';
const VERSIONS: Readonly<Record<Shape, number>> = {
  status: 1,
  sessions: 1,
  session: 1,
  users: 1,
  log: 1,
  cleanup: 1,
  whoami: 1,
  doctor: 1,
  'mcp-config': 1,
  config: 1,
};

const versioned = (shape: Shape, value: object): object => ({
  schema: `mcp-session-manager/${shape}/${VERSIONS[shape]}`,
  ...value,
});

/** What `--json` writes: the value with the name and the version of its shape. */
export const jsonOutput = (shape: Shape, value: object): string => `${printableJson(versioned(shape, value))}\n`;

/** The same on one line, for output that goes on. */
export const jsonLine = (shape: Shape, value: object): string => `${printableJson(versioned(shape, value), 0)}\n`;
