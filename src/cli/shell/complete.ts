import type { Argument, Command, Option } from 'commander';
import type { CatalogueView } from '../../core/api.ts';
import { callApi } from '../api-client.ts';
import type { CliIo } from '../io.ts';
import { bearer } from '../login/bearer.ts';
import { managerUrl } from '../manager-address.ts';
import { listSessions } from '../session-list.ts';
import { oneLine } from '../text.ts';
import type { Shell } from './shell.ts';

/** Whoever types TAB does not wait longer. */
const TIMEOUT_MS = 1000;

/** One word that may be next. */
interface Candidate {
  readonly word: string;
  readonly description?: string;
}

/** Where in the program the word is that is being typed. */
interface Place {
  readonly command: Command;
  /** The option whose value it is. */
  readonly option?: Option;
  /** The argument that it is. */
  readonly argument?: Argument;
}

/**
 * Writes the words that may come next, one per line, as the shell's completion wants them. Names of servers and sessions are
 * those that are there now; a manager that does not answer leaves them out.
 * @param words behind the program's name; the last one is being typed, and may be empty
 */
export async function complete(io: CliIo, program: Command, shell: Shell, words: readonly string[]): Promise<number> {
  const typed = words.at(-1) ?? '';
  const candidates = await candidatesAt(io, placeOf(program, words.slice(0, -1)), typed);
  const lines = candidates
    .filter(({ word }) => word.startsWith(typed))
    .map(({ word, description }) => lineFor(shell, word, oneLine(description ?? '')));
  io.stdout.write(lines.join(''));
  return 0;
}

function lineFor(shell: Shell, word: string, description: string): string {
  if (description === '' || shell === 'bash' || shell === 'sh') return `${word}\n`;
  return shell === 'zsh' ? `${word.replaceAll(':', '\\:')}:${description}\n` : `${word}\t${description}\n`;
}

function placeOf(program: Command, before: readonly string[]): Place {
  let command = program;
  let position = 0;
  let option: Option | undefined;
  for (const word of before) {
    if (option) option = undefined;
    else if (word.startsWith('-')) {
      option = command.options.find(({ long, short, required }) => required && (word === long || word === short));
    } else {
      const next = command.commands.find((one) => one.name() === word);
      position = next ? 0 : position + 1;
      command = next ?? command;
    }
  }
  const args = command.registeredArguments;
  const argument = args[position] ?? (args.at(-1)?.variadic ? args.at(-1) : undefined);
  return { command, ...(option && { option }), ...(argument && { argument }) };
}

async function candidatesAt(io: CliIo, { command, option, argument }: Place, typed: string): Promise<Candidate[]> {
  if (option) return valuesOf(io, option.attributeName(), option.argChoices);
  if (typed.startsWith('-')) {
    return command.options
      .filter(({ hidden }) => !hidden)
      .flatMap(({ long, description }) => (long ? [{ word: long, description }] : []));
  }
  const visible = command.createHelp().visibleCommands(command);
  const commands = visible.map((one) => ({ word: one.name(), description: one.description() }));
  return argument ? [...commands, ...(await valuesOf(io, argument.name(), argument.argChoices))] : commands;
}

async function valuesOf(io: CliIo, name: string, choices: readonly string[] | undefined): Promise<Candidate[]> {
  if (choices) return choices.map((word) => ({ word }));
  const live = { server: servers, servers, id: sessions, ids: sessions, session: sessions, version: versions }[name];
  return live ? live(io).catch(() => []) : [];
}

async function servers(io: CliIo): Promise<Candidate[]> {
  const call = { method: 'GET', path: '/api/catalogue', bearer: await bearer(io), timeoutMs: TIMEOUT_MS } as const;
  const { servers: found } = (await callApi(managerUrl(io.env), call)) as CatalogueView;
  return found.map(({ name }) => ({ word: name }));
}

async function versions(io: CliIo): Promise<Candidate[]> {
  const kept = (await io.configurations()).versions();
  return kept.map(({ number, at }) => ({ word: String(number), description: new Date(at).toISOString() })).reverse();
}

async function sessions(io: CliIo): Promise<Candidate[]> {
  const found = await listSessions(io, { timeoutMs: TIMEOUT_MS });
  return found.map(({ id, terminal, workspace }) => ({ word: id, description: `${terminal.name} ${workspace}` }));
}
