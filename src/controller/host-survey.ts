import type { Catalogue } from '../core/catalogue.ts';
import type { HostControl, HostStatus } from '../core/channel.ts';
import type { Clock } from '../core/clock.ts';
import type { ControllerMeter } from '../core/controller-meter.ts';
import type { ServerName, SessionId } from '../core/ids.ts';
import { type Endpoint, isCurrent, type ServerState, type SessionRecord } from '../core/session.ts';
import { within } from '../core/within.ts';
import type { InstanceKeys } from '../sessions/instance-keys.ts';
import { type HostAnswer, HostSums } from './host-sums.ts';
import { inBatches } from './in-batches.ts';
import { type Instances, keyOf } from './instances.ts';
import type { Asked, Silences, Which } from './silences.ts';

/** Hosts that are asked at the same time: more would only wait for the same processors. */
const AT_ONCE = 8;
/** How long a host may take to say how it is, milliseconds. */
const STATUS_MS = 2000;
/** The same for one that was silent when it was asked last, milliseconds. */
const SILENT_MS = 15_000;

export interface HostSurveyOptions {
  readonly hosts: Pick<HostControl, 'status'>;
  readonly keys: InstanceKeys;
  readonly clock: Clock;
  readonly catalogue: Catalogue;
  readonly meter: Pick<ControllerMeter, 'surveyed'>;
  /** Time between two rounds, milliseconds; 0: there are none. */
  readonly surveyMs: number;
}

type Host = Which & { readonly endpoint: Endpoint };
type Answer = HostAnswer & Asked & Host;

interface Ready {
  readonly record: SessionRecord;
  readonly server: ServerName;
  readonly state: ServerState & { readonly phase: 'ready' };
}

/**
 * Asks the hosts of all instances that are ready how they are, some at a time, in rounds: tells the meter what they say
 * together, and finds those that hang. Nothing waits for it, and a host that hangs costs a round its time and no more.
 */
export class HostSurvey {
  readonly #options: HostSurveyOptions;
  readonly #instances: Pick<Instances, 'status'>;
  readonly #silences: Silences;
  readonly #onHang: (session: SessionId, server: ServerName) => void;
  #records: Iterable<SessionRecord> = [];

  /** @param onHang called with each round, for each instance that hangs */
  constructor(
    options: HostSurveyOptions,
    instances: Pick<Instances, 'status'>,
    silences: Silences,
    onHang: (session: SessionId, server: ServerName) => void,
  ) {
    this.#options = options;
    this.#instances = instances;
    this.#silences = silences;
    this.#onHang = onHang;
  }

  /** These are all sessions that there are. */
  sawAll(records: ReadonlyMap<string, SessionRecord>): void {
    this.#records = [...records.values()];
  }

  /** Asks again and again, until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, catalogue, meter, surveyMs } = this.#options;
    if (surveyMs === 0) return;
    const sums = new HostSums(catalogue, clock.now());
    for (;;) {
      await clock.sleep(surveyMs, signal).catch(() => {}); // aborted: seen in the next line
      if (signal.aborted) return;
      const answers = await this.#round(signal);
      if (signal.aborted) return;
      meter.surveyed(sums.add(answers, clock.now()));
      await this.#askAgain(this.#silences.heard(answers), signal);
    }
  }

  async #round(signal: AbortSignal): Promise<Answer[]> {
    const answers: Answer[] = [];
    const waiting = readyAmong(this.#records);
    const ask = async () => {
      for (const ready of waiting) {
        if (signal.aborted) return;
        const answer = await this.#ask(ready, signal);
        if (answer) answers.push(answer);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, ask));
    return answers;
  }

  /** Who was silent early in a round may have come back since, and so may whoever asks. */
  async #askAgain(silent: readonly Answer[], signal: AbortSignal): Promise<void> {
    await inBatches(silent, async (one) => {
      if ((await this.#statusOf(one, STATUS_MS, signal)) || signal.aborted) return;
      this.#silences.hangs(one, this.#options.clock.now());
      this.#onHang(one.session, one.server);
    });
  }

  /** Undefined: the instance is not there any more. */
  async #ask({ record, server, state }: Ready, signal: AbortSignal): Promise<Answer | undefined> {
    const { instance, incarnation } = state;
    const { id: session, nonce } = record;
    const host = { session, server, nonce, incarnation, endpoint: instance.endpoint };
    const ms = this.#silences.isSilent(host) ? SILENT_MS : STATUS_MS;
    const status = await this.#statusOf(host, ms, signal);
    const answer = { ...host, key: keyOf(session, server), startedAt: instance.startedAt, status };
    return status || (await this.#isThere(record, server, incarnation)) ? answer : undefined;
  }

  /** Undefined: it does not answer. */
  #statusOf(
    { session: id, server, nonce, incarnation, endpoint }: Host,
    ms: number,
    signal: AbortSignal,
  ): Promise<HostStatus | undefined> {
    const { hosts, keys, clock } = this.#options;
    const secret = keys.secretOf({ id, nonce }, server, incarnation);
    const late = () => new Error('no answer');
    const ask = (limit: AbortSignal) => hosts.status(endpoint, secret, limit);
    return within(clock, ms, late, ask, signal).catch(() => undefined);
  }

  async #isThere({ id, nonce }: SessionRecord, server: ServerName, incarnation: number): Promise<boolean> {
    // What cannot be asked now is there as far as anybody knows.
    const actual = await this.#instances.status(id, server).catch(() => undefined);
    if (!actual) return true;
    if (actual.phase !== 'running') return false;
    const { labels } = actual.instance;
    return labels.nonce === nonce && labels.incarnation === incarnation;
  }
}

function* readyAmong(records: Iterable<SessionRecord>): Generator<Ready, void> {
  for (const record of records)
    for (const [name, server] of Object.entries(record.servers))
      if (server.desired === 'running' && server.state.phase === 'ready' && isCurrent(server))
        yield { record, server: name, state: server.state };
}
