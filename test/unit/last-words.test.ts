import { expect, it } from 'vitest';
import { lastWords } from '../../src/runtime/last-words.ts';

it.each([
  ['{"level":"info","server":"filesystem","message":"it listens"}', 'it listens'],
  ['{"level":"info"}', '{"level":"info"}'],
  ['{"message":1}', '{"message":1}'],
  ['null', 'null'],
  ['Killed', 'Killed'],
])('of %s are %s', (line, words) => {
  expect(lastWords(['first', line])).toBe(`first\n${words}`);
});
