/** What a process shows at `/metrics`: value by series, as Prometheus writes it. */
export class Shown {
  readonly text: string;
  readonly series: ReadonlyMap<string, number>;

  constructor(text: string) {
    this.text = text;
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    this.series = new Map(
      lines.map((line) => {
        const at = line.lastIndexOf(' ');
        return [line.slice(0, at), Number(line.slice(at + 1))];
      }),
    );
  }

  /** The sum of a metric's series that have these labels; undefined if there is none. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    const own = [...this.series].filter(
      ([series]) =>
        (series === name || series.startsWith(`${name}{`)) &&
        wanted.every((text) => series.includes(`{${text}`) || series.includes(`,${text}`)),
    );
    return own.length === 0 ? undefined : own.reduce((sum, [, value]) => sum + value, 0);
  }
}

/** @param port of 127.0.0.1 on which a process shows its metrics */
export async function metricsOf(port: number): Promise<Shown> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
  if (!answer.ok) throw new Error(`/metrics: ${answer.status}`);
  return new Shown(await answer.text());
}
