import { once } from 'node:events';

/** The inspector of a Node process that was started with `--inspect`: it can collect garbage, and say what is left. */
export class Inspected implements AsyncDisposable {
  readonly #socket: WebSocket;
  #last = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  /** @param log what the process wrote: where its inspector listens */
  static async of(log: string): Promise<Inspected> {
    const [, url] = /Debugger listening on (ws:\S+)/.exec(log) ?? [];
    if (url === undefined) throw new Error('the process has no inspector');
    const socket = new WebSocket(url);
    await once(socket, 'open');
    return new Inspected(socket);
  }

  /** Bytes in use after garbage collection. */
  async heapUsed(): Promise<number> {
    await this.#call('HeapProfiler.collectGarbage');
    const { usedSize } = (await this.#call('Runtime.getHeapUsage')) as { usedSize: number };
    return usedSize;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#socket, 'close');
    this.#socket.close();
    await closed;
  }

  #call(method: string): Promise<object> {
    const id = ++this.#last;
    return new Promise((resolve) => {
      const onMessage = ({ data }: MessageEvent) => {
        const { id: answered, result } = JSON.parse(String(data)) as { id?: number; result: object };
        if (answered !== id) return;
        this.#socket.removeEventListener('message', onMessage);
        resolve(result);
      };
      this.#socket.addEventListener('message', onMessage);
      this.#socket.send(JSON.stringify({ id, method }));
    });
  }
}
