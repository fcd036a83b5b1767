import { findNodeAtLocation, type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';

/** JSON as RFC 8259 has it: neither comments nor commas at the end. */
const STRICT = { allowTrailingComma: false, disallowComments: true } as const;

const WORDS: Readonly<Record<string, string>> = {
  CommaExpected: 'a comma is missing here, or on the line before',
  ColonExpected: 'a colon is missing',
  ValueExpected: 'a value is missing',
  PropertyNameExpected: 'a name in double quotes is missing (a comma may be too many)',
  CloseBraceExpected: 'a closing } is missing',
  CloseBracketExpected: 'a closing ] is missing',
  EndOfFileExpected: 'there is something behind the end',
  InvalidCommentToken: 'comments are not allowed',
  UnexpectedEndOfString: 'a text is not closed',
  InvalidNumberFormat: 'a number is not written as JSON has it',
};

/** The value of a JSON text, or what is wrong with it: where, and in words that repeat nothing of it, which may be a secret. */
export function parseJson(text: string): { readonly value: unknown } | { readonly problem: string } {
  try {
    return { value: JSON.parse(text) };
  } catch {
    const errors: ParseError[] = [];
    parseTree(text, errors, STRICT);
    const [first] = errors;
    if (!first) return { problem: 'it is not JSON' };
    const { line, column } = placeAt(text, first.offset);
    const words = WORDS[printParseErrorCode(first.error)] ?? 'this is not JSON';
    return { problem: `line ${line}, column ${column}: ${words}` };
  }
}

/** `line 3: ` of what is at `path` in a JSON text, or of the nearest thing around it that is there. */
export function lineAt(text: string, path: readonly PropertyKey[]): string {
  const tree = parseTree(text);
  for (let length = path.length; tree && length >= 0; length -= 1) {
    const node: Node | undefined = findNodeAtLocation(tree, path.slice(0, length) as (string | number)[]);
    if (node) return `line ${placeAt(text, (node.parent?.type === 'property' ? node.parent : node).offset).line}: `;
  }
  return '';
}

function placeAt(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}
