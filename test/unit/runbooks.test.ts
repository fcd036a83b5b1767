import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ALERTS } from '../../grafana/alerts/index.ts';
import { AVAILABILITY, FAST_BURNS, LATENCY, SLOW_BURNS } from '../../grafana/alerts/objectives.ts';
import { describeProgram } from '../../src/cli/program.ts';
import { cliIo } from '../support/cli-io.ts';
import { knownMetrics } from '../support/known-metrics.ts';
import { metricsOf } from '../support/promql.ts';

const ROOT = new URL('../../', import.meta.url);
const FOLDER = new URL('grafana/runbooks/', ROOT);
const PAGES = readdirSync(FOLDER).map((file) => ({ file, text: readFileSync(new URL(file, FOLDER), 'utf8') }));

/** Lines of the fenced blocks of a language. */
const linesOf = (text: string, language: string): string[] =>
  [...text.matchAll(/```(\w*)\n([\s\S]*?)```/g)]
    .filter(([, one]) => one === language)
    .flatMap(([, , body]) => (body as string).trim().split('\n'));

const all = (language: string) =>
  PAGES.flatMap(({ file, text }) => linesOf(text, language).map((line) => ({ file, line })));

/** Words of a shell command, up to what ends it; quotes hold words together. */
function wordsOf(command: string): string[] {
  const [first = ''] = command.split(/(?:\s*[|;&)]|\s[<>])(?=(?:[^']*'[^']*')*[^']*$)/);
  return [...first.matchAll(/'[^']*'|"[^"]*"|\S+/g)].map(([word]) => word.replaceAll(/^['"]|['"]$/g, ''));
}

/** Every use of a program in a line of shell. */
const uses = (line: string, program: string): string[][] =>
  [...line.matchAll(new RegExp(`(?:^|[|(] ?)${program} `, 'g'))].map(({ index, 0: found }) =>
    wordsOf(line.slice(index + found.length)),
  );

describe('runbooks', () => {
  it('are there for each alert, and for nothing else', () => {
    const expected = ALERTS.map(({ name }) => `${name}.md`);
    expect(PAGES.map(({ file }) => file).sort()).toEqual([...expected, 'README.md'].sort());
  });

  it.each(ALERTS)('$name says what it is, how bad, and what to do, in this order', ({ name, severity }) => {
    const { text = '' } = PAGES.find(({ file }) => file === `${name}.md`) ?? {};
    expect(text.split('\n')[0]).toBe(`# ${name}`);
    expect(text.split('\n')[2]).toMatch(severity === 'page' ? /^Page\./ : /^Ticket\./);
    const sections = [...text.matchAll(/^## (.*)$/gm)].map(([, title]) => title);
    expect(sections).toEqual(['Meaning', 'Impact', 'Look', 'Do', 'Over when']);
    const [, look = ''] = text.split('## Look');
    expect(linesOf(look, 'promql')).not.toEqual([]);
    expect(text.split('## Over when')[1]).toContain('```');
  });

  it('are listed, with how bad each is', () => {
    const { text = '' } = PAGES.find(({ file }) => file === 'README.md') ?? {};
    const listed = [...text.matchAll(/^\| \[(\w+)\]\(\w+\.md\) \| (\w+) \| `([\w-]+)` \|$/gm)].map(([, ...row]) => row);
    expect(listed).toEqual(ALERTS.map(({ name, severity, panel }) => [name, severity, panel[0]]));
  });

  it('name the objectives as they are', () => {
    const { text = '' } = PAGES.find(({ file }) => file === 'README.md') ?? {};
    const percent = (target: number): string => `| ${Number((target * 100).toFixed(3))} % |`;
    expect(text).toContain(percent(AVAILABILITY.target));
    expect(text).toContain(percent(LATENCY.target));
    for (const { rate } of [...FAST_BURNS, ...SLOW_BURNS].filter((burn) => burn.rate > 1))
      expect(text).toContain(`${rate} times`);
  });

  it('hold blocks of shell and of PromQL only', () => {
    for (const { file, text } of PAGES) {
      const fences = [...text.matchAll(/^```(\w*)$/gm)].map(([, language]) => language);
      expect(fences.length % 2, file).toBe(0);
      for (const [index, language] of fences.entries())
        expect(index % 2 ? [''] : ['sh', 'promql'], file).toContain(language);
    }
  });

  it('link to pages that there are', () => {
    for (const { file, text } of PAGES)
      for (const [, path] of text.matchAll(/\]\(([^)#]+)/g))
        expect(existsSync(new URL(path as string, FOLDER)), `${file}: ${path}`).toBe(true);
  });

  it.each(all('promql'))('$file: $line', ({ line }) => {
    const known = knownMetrics();
    for (const metric of metricsOf(line)) expect([...known.keys()]).toContain(metric);
  });
});

describe('commands of runbooks', () => {
  const commands = all('sh');
  const own = commands.flatMap(({ file, line }) =>
    uses(line, 'mcp-session-manager').map((words) => ({ file, words, text: words.join(' ') })),
  );

  it.each(own)('$file: mcp-session-manager $text', async ({ words }) => {
    let chosen = 0;
    const program = describeProgram(() => {
      chosen += 1;
    }, cliIo().io);
    const quiet = (command: Command): void => {
      command.exitOverride();
      command.commands.forEach(quiet);
    };
    quiet(program);
    await program.parseAsync(words, { from: 'user' });
    expect(chosen).toBe(1);
  });

  it('name services of compose.yaml, and profiles', () => {
    const { services } = parse(readFileSync(new URL('compose.yaml', ROOT), 'utf8')) as {
      services: Record<string, { profiles?: string[] }>;
    };
    const found = commands.flatMap(({ file, line }) =>
      uses(line, 'docker compose').map((words) => ({ file, ...servicesIn(words) })),
    );
    expect(found.length).toBeGreaterThan(20);
    for (const { file, names, profile } of found)
      for (const name of names) {
        expect(Object.keys(services), file).toContain(name);
        const { profiles } = services[name] ?? {};
        if (profiles) expect(profiles, `${file}: ${name}`).toContain(profile);
      }
  });

  it('start no service but those that they name, and leave as many gateways as there are', () => {
    const ups = commands.flatMap(({ file, line }) =>
      uses(line, 'docker compose')
        .filter((words) => words.includes('up'))
        .map((words) => ({ file, words, ...servicesIn(words) })),
    );
    expect(ups.length).toBeGreaterThan(10);
    for (const { file, words, names } of ups) {
      expect(names, file).not.toEqual([]);
      expect(words, file).toContain('--no-deps');
      expect(words.includes('--scale'), file).toBe(names.includes('gateway'));
    }
  });

  it('ask what the admin API has', () => {
    const documented = readFileSync(new URL('docs/admin-api.md', ROOT), 'utf8');
    const paths = commands.flatMap(({ line }) =>
      [...line.matchAll(/\/admin\/api(\/[a-z/]+)/g)].map(([, path]) => path),
    );
    expect(paths.length).toBeGreaterThan(3);
    for (const path of paths) expect(documented).toMatch(new RegExp(`\`(GET|POST) ${path}[\`?]`));
  });

  it('name settings that there are', () => {
    const documented = readFileSync(new URL('docs/configuration.md', ROOT), 'utf8');
    const example = readFileSync(new URL('.env.example', ROOT), 'utf8');
    for (const { file, text } of PAGES) {
      for (const [name] of text.matchAll(/MCP_SESSION_MANAGER_(?!URL)[A-Z_]+/g))
        expect(documented, file).toContain(name);
      for (const [, name] of text.matchAll(/`([A-Z_]+)=?[^`]*` in `\.env`/g))
        expect(example, file).toContain(`#${name}=`);
    }
  });
});

const VALUED = new Set(['--since', '--index', '--scale', '--entrypoint', '--status']);
/** Those that take one service, and a command after it. */
const RUNNING = new Set(['exec', 'run']);

/** Services that a `docker compose` command names, and the profile that it asks for. */
function servicesIn(words: readonly string[]): { names: string[]; profile: string | undefined } {
  const profile = words[0] === '--profile' ? words[1] : undefined;
  const [verb = '', ...rest] = words.slice(profile ? 2 : 0);
  const names = rest.filter((word, index) => !word.startsWith('-') && !VALUED.has(rest[index - 1] ?? ''));
  return { names: RUNNING.has(verb) ? names.slice(0, 1) : names, profile };
}
