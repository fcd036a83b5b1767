import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { describeProgram } from '../../src/cli/program.ts';
import { SETTINGS } from '../../src/config/settings.ts';
import { LABEL } from '../../src/runtime/labels.ts';
import { cliIo } from '../support/cli-io.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TEXT = readFileSync(`${ROOT}docs/operations.md`, 'utf8');

/** The part of the page below a heading, up to the next one of its level. */
function section(heading: string): string {
  const level = /^#+/.exec(heading)?.[0] ?? '';
  const from = TEXT.indexOf(`\n${heading}\n`);
  expect(from, heading).toBeGreaterThan(0);
  const rest = TEXT.slice(from + 1 + heading.length);
  const end = rest.search(new RegExp(`^${level} `, 'm'));
  return end < 0 ? rest : rest.slice(0, end);
}
const rows = (text: string) =>
  [...text.matchAll(/^\| (.+) \|$/gm)]
    .map(([, row = '']) => row.split(' | '))
    .filter(([first]) => !/^-+$/.test(first ?? ''));

/** As GitHub makes them of headings. */
const anchor = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\w\s-]/g, '')
    .trim()
    .replaceAll(' ', '-');
const anchorsOf = (text: string) => [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchor(heading as string));

/** Each command of the page, without what the shell does with it. */
function commands(): string[] {
  const spans = [...TEXT.matchAll(/`([^`\n]+)`/g)].map(([, span]) => span as string);
  const blocks = [...TEXT.matchAll(/^ {4}(.+)$/gm)].map(([, line]) => line as string);
  const texts = [...spans, ...blocks].map((text) => (text.includes(' xargs ') ? `${text} ID` : text));
  return texts.flatMap((text) =>
    [...text.matchAll(/(?<![\w/~.{=-])mcp-session-manager(?:\.sh)?((?: [^|;<>#&)"]+)+)/g)].map(([, rest]) =>
      `${rest}`.trim(),
    ),
  );
}

describe('docs/operations.md', () => {
  it('has only commands that there are', () => {
    const found = [...new Set(commands())];
    expect(found.length).toBeGreaterThan(30);
    for (const command of found) {
      let chosen = 0;
      const { io } = cliIo();
      const parse = () =>
        describeProgram(() => {
          chosen += 1;
        }, io).parse(command.split(/\s+/), { from: 'user' });
      expect(parse, command).not.toThrow();
      expect(chosen, command).toBe(1);
    }
  });

  it('leads nowhere but to what is there', () => {
    const links = [...TEXT.matchAll(/\]\(([^)#\s]*)(?:#([^)\s]+))?\)/g)];
    expect(links.length).toBeGreaterThan(60);
    for (const [link, file = '', place] of links) {
      const path = file === '' ? join(ROOT, 'docs/operations.md') : join(ROOT, 'docs', file);
      const target = existsSync(path)
        ? path
        : join(
            dirname(path),
            readdirSync(dirname(path)).find((name) => name.startsWith(file.split('/').at(-1) ?? '-')) ?? '-',
          );
      expect(existsSync(target), link).toBe(true);
      if (place !== undefined) expect(anchorsOf(readFileSync(target, 'utf8')), link).toContain(place);
    }
    const files = [...TEXT.matchAll(/`((?:test|docker|config)\/[\w/.-]+\.\w+)`/g)].map(([, file]) => file as string);
    expect(files.length).toBeGreaterThan(20);
    expect(files.filter((file) => !existsSync(ROOT + file))).toEqual([]);
    const labels = [...TEXT.matchAll(/label=([\w.-]+)/g)].map(([, label]) => label);
    expect(new Set(labels)).toEqual(new Set([LABEL.deployment]));
  });

  it('quotes messages as the program says them', () => {
    const source = readdirSync(`${ROOT}src`, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => readFileSync(`${ROOT}src/${file}`, 'utf8'))
      .join('\n');
    const quoted = [...section('## By symptom').matchAll(/`([^`\n]+)`/g)].map(([, text]) => text as string);
    const messages = quoted.filter((text) => /^[A-Za-z][a-z]* .* \w+/.test(text) && !COMMAND.test(text));
    expect(messages.length).toBeGreaterThan(25);
    // What differs from time to time stands for itself: a number, a name, three dots.
    const isSaid = (text: string) =>
      text.split(/\d[\d.]*(?: \(node\))?| \(\.\.\.\)/).every((part) => source.includes(part));
    expect(messages.filter((text) => !isSaid(text))).toEqual([]);
  });

  it('has each timeout and limit, with its default and what it trades', () => {
    const table = rows(section('## Tuning')).filter(([name]) => name?.startsWith('`'));
    const isOne = ([name, { fallback, schema }]: [string, (typeof SETTINGS)[keyof typeof SETTINGS]]) =>
      !/(?:^p|P)ort$|^socketGroup$|^instanceUser$/.test(name) &&
      (schema.safeParse('10m').success || schema.safeParse('64MiB').success || schema.safeParse('16').success) &&
      !schema.safeParse('fade').success &&
      fallback !== undefined;
    const settings = Object.entries(SETTINGS).filter(isOne);
    expect(table.map(([name]) => name)).toEqual(settings.map(([name]) => `\`${name}\``));
    for (const [i, [name, { fallback }]] of settings.entries()) {
      const row = table[i] ?? [];
      expect(row, name).toHaveLength(4);
      if (typeof fallback !== 'function') expect(row[1], name).toBe(`\`${fallback}\``);
    }
  });

  it('answers every heading of the older guides', () => {
    const guides = section('## Where the older guides went').split(/^### /m).slice(1).map(rows);
    expect(guides.map((guide) => guide.length)).toEqual([expect.any(Number), expect.any(Number)]);
    for (const guide of guides)
      for (const row of guide) {
        expect(row, row[0]).toHaveLength(2);
        expect(row[1]?.length, row[0]).toBeGreaterThan(3);
      }
    const all = guides.flat().map(([there]) => there ?? '');
    for (const heading of HEADINGS)
      expect(
        all.some((there) => there.includes(heading)),
        heading,
      ).toBe(true);
  });
});

const COMMAND =
  /^(mcp-session-manager|docker|systemctl|timedatectl|eval|curl|ss|pvenode|echo|unset|npm|chmod|cleanup) ?/;

/** Of both guides, the two titles left out. */
const HEADINGS = [
  'Overview',
  'Problem Analysis',
  'Initial Issues Identified',
  'Root Cause Analysis',
  'Solution Architecture',
  'Multi-Session Management System',
  'Session Manager',
  'Key Functions',
  'Server-Specific Fixes',
  'Proxmox MCP Server',
  'Directory Polling Server Replacement',
  'Configuration Management',
  'Session-Specific Configurations',
  'Environment Variable Management',
  'Logging and Monitoring',
  'Centralized Logging System',
  'Session Monitoring',
  'Implementation Benefits',
  'Reliability Improvements',
  'Multi-Session Support',
  'Usage Guidelines',
  'For Developers',
  'Starting a New Development Session',
  'Troubleshooting',
  'Best Practices',
  'Troubleshooting Reference',
  'Common Issues',
  'Diagnostic Commands',
  'Conclusion',
  '1. Session Not Found (HTTP 404)',
  'Quick Fix - Manual Session Refresh',
  'Debug Session State',
  '2. Session Timeout Issues',
  '3. Server Restart Recovery',
  'Monitoring Session Health',
  'Automated Health Checks',
  'Key Metrics to Monitor',
  'For Development',
  'For Production',
  'Technical Details',
  'Session Lifecycle',
  'FastMCP Configuration',
  'Recovery Procedures',
  'Complete Session Reset',
  'Emergency Troubleshooting',
  'Future Improvements',
  'Planned Enhancements',
  'Configuration Tuning',
];
