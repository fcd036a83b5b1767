import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/** What the shell has anyway. */
const SHELL = new Set(['HOME']);

it.each(['compose.yaml', 'compose.secrets.yaml'])('.env.example explains every setting of %s', (file) => {
  const settings = [...read(file).matchAll(/\$\{([A-Z_]+)/g)].map(([, name]) => name as string);
  expect(settings).not.toEqual([]);
  const example = read('.env.example');
  for (const name of settings.filter((one) => !SHELL.has(one))) expect(example).toContain(`\n#${name}=`);
});

it('compose.secrets.yaml replaces the files of every service that is told a file of secrets', () => {
  type Services = Record<string, { environment?: Record<string, unknown>; secrets?: unknown }>;
  const [services, overlay] = ['compose.yaml', 'compose.secrets.yaml'].map(
    (file) => (parse(read(file), { merge: true }) as { services: Services }).services,
  ) as [Services, Services];
  const files = ({ environment = {} }: Services[string] = {}) =>
    Object.entries(environment).filter(([, value]) => /^\/run\/(keys|secrets)\/(?!grafana-)/.test(String(value)));
  const told = Object.keys(services).filter((name) => files(services[name]).length > 0);
  expect(told).toContain('redis-exporter');
  for (const name of told) {
    const replaced = files(overlay[name]).map(([variable]) => variable);
    expect(replaced.sort(), name).toEqual(
      files(services[name])
        .map(([variable]) => variable)
        .sort(),
    );
  }
});
