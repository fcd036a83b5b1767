/** Series of a process's metrics, as `name` or `name{label="value",...}` -> value. */
export type Series = ReadonlyMap<string, number>;

/** Reads what a process shows at `/metrics`; its labels hold no spaces. */
export function seriesOf(text: string): Series {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const [name = '', value = ''] = line.split(' ');
      return [name, Number(value)];
    }),
  );
}

/** What the process shows whose metrics are on this port of 127.0.0.1. */
export async function shownAt(port: number): Promise<Series> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
  if (!answer.ok) throw new Error(`/metrics: ${answer.status}`);
  return seriesOf(await answer.text());
}

/** The name of the metric that a series is of. */
export const metricOf = (series: string): string => series.replace(/\{.*/, '').replace(/_(?:bucket|sum|count)$/, '');
