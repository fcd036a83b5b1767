import type { SyntaxNodeRef } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';

/** One condition of a selector: `state=~"UP|DOWN"`. */
export interface Matcher {
  readonly label: string;
  readonly operator: '=' | '!=' | '=~' | '!~';
  readonly value: string;
}

/** `haproxy_server_status{state="UP"}`, with the name in front or as `__name__`. */
export interface Selector {
  readonly metric: string;
  readonly matchers: readonly Matcher[];
}

export interface Query {
  readonly selectors: readonly Selector[];
  /** Labels named by `by`, `without`, `on`, `ignoring`, `group_left` and `group_right`. */
  readonly grouping: readonly string[];
}

/**
 * What a PromQL expression asks for. Variables of Grafana (`$__rate_interval`) must be replaced before.
 * @throws Error with the place of the first thing that is no PromQL; or if a selector does not name one metric
 */
export function parsePromql(expression: string): Query {
  const selectors: Selector[] = [];
  const grouping: string[] = [];
  parser.parse(expression).iterate({
    enter(node) {
      if (node.type.isError) throw new Error(`no PromQL at ${node.from} (${textOf(node).slice(0, 20)}): ${expression}`);
      if (node.name === 'VectorSelector') selectors.push(selectorOf(node, expression));
      if (node.name === 'GroupingLabels') grouping.push(...groupingOf(node, expression));
    },
  });
  return { selectors, grouping };

  function textOf({ from, to }: SyntaxNodeRef): string {
    return expression.slice(from, to);
  }
}

/** Every metric that the expression reads, once. */
export const metricsOf = (expression: string): readonly string[] => [
  ...new Set(parsePromql(expression).selectors.map(({ metric }) => metric)),
];

function selectorOf({ node }: SyntaxNodeRef, expression: string): Selector {
  const identifier = node.getChild('Identifier');
  const matchers = (node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []).map((one) => {
    const [label, operator, value] = [
      one.getChild('LabelName'),
      one.getChild('MatchOp'),
      one.getChild('StringLiteral'),
    ].map((part) => (part ? expression.slice(part.from, part.to) : ''));
    return { label, operator, value: unquoted(value ?? '') } as Matcher;
  });
  const named = matchers.find(({ label, operator }) => label === '__name__' && operator === '=');
  const metric = identifier ? expression.slice(identifier.from, identifier.to) : named?.value;
  if (!metric) throw new Error(`selector without the name of one metric: ${expression}`);
  return { metric, matchers: matchers.filter((one) => one !== named) };
}

const groupingOf = ({ node }: SyntaxNodeRef, expression: string): string[] =>
  node.getChildren('LabelName').map(({ from, to }) => expression.slice(from, to));

/** A string in double quotes, single quotes or backticks: only the escapes that a label's value may need. */
function unquoted(literal: string): string {
  const inner = literal.slice(1, -1);
  return literal.startsWith('`') ? inner : inner.replaceAll(/\\(.)/g, '$1');
}
