/**
 * JSON that is passed on with something in it changed: all the rest stays as it was written, to the last digit. To parse and
 * write it again would round numbers that JavaScript does not hold (2^53 and above), and costs more where it is large.
 */

import {
  BACKSLASH,
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COMMA,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
  SPACE,
} from './json-characters.ts';

/**
 * Changes fields of an object within a JSON text.
 * @param text of an object; it was parsed before, and is not checked again
 * @param path of names that leads to the object; what is not there, or is none, is made
 * @param changes by name; undefined takes a field away
 */
export function rewritten(
  text: string,
  [name, ...path]: readonly string[],
  changes: Readonly<Record<string, unknown>>,
): string {
  const fields = rawFields(text);
  if (name !== undefined) {
    const inner = fields.get(name);
    fields.set(name, rewritten(inner?.startsWith('{') ? inner : '{}', path, changes));
  } else
    for (const [field, value] of Object.entries(changes)) {
      if (value === undefined) fields.delete(field);
      else fields.set(field, JSON.stringify(value));
    }
  return `{${[...fields].map(([field, value]) => `${JSON.stringify(field)}:${value}`).join(',')}}`;
}

/** The fields of an object, as they are written; of several with the same name the last one counts, as for `JSON.parse`. */
function rawFields(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  let at = text.indexOf('{') + 1;
  for (;;) {
    at = skipSpace(text, at);
    if (text.charCodeAt(at) !== QUOTE) return fields;
    const nameEnd = stringEnd(text, at);
    const name = JSON.parse(text.slice(at, nameEnd)) as string;
    const start = skipSpace(text, text.indexOf(':', nameEnd) + 1);
    const end = valueEnd(text, start);
    fields.set(name, text.slice(start, end));
    at = skipSpace(text, end);
    if (text.charCodeAt(at) === COMMA) at += 1;
  }
}

function valueEnd(text: string, start: number): number {
  if (text.charCodeAt(start) === QUOTE) return stringEnd(text, start);
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = stringEnd(text, at) - 1;
    else if (code === OPEN_OBJECT || code === OPEN_ARRAY) depth += 1;
    else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) {
      depth -= 1;
      if (depth < 0) return at; // behind a number, true, false or null
      if (depth === 0) return at + 1;
    } else if (code === COMMA && depth === 0) return at;
  }
  return text.length;
}

/** @param open where the string begins */
function stringEnd(text: string, open: number): number {
  for (let at = open; ; ) {
    at = text.indexOf('"', at + 1);
    if (at < 0) return text.length;
    let escapes = at;
    while (text.charCodeAt(escapes - 1) === BACKSLASH) escapes -= 1;
    if ((at - escapes) % 2 === 0) return at + 1;
  }
}

/** White space of JSON: nothing that is below it stands outside of a string. */
function skipSpace(text: string, start: number): number {
  let at = start;
  while (text.charCodeAt(at) <= SPACE) at += 1;
  return at;
}
