import { MillraceError } from '@millrace/protocol/error-code';
import { type ClientFrame, type EventPage, filterKey, type ServerFrame } from '@millrace/protocol/frame';
import { toProblem } from '@millrace/protocol/problem';
import { unreachable } from '../problem.ts';
import { tokenExpiry } from '../token.ts';
import type { Closed } from '../transport.ts';
import { Life } from './life.ts';
import type { TabMessage, WorkerMessage } from './message.ts';
import type { TabHub } from './tab-hub.ts';
import { TabList } from './tab-list.ts';
import { type TabLink, TabRun } from './tab-run.ts';

/** events that may be on their way to a tab; one that is frozen gets no more until it wakes */
const ROOM = 2_000;
/** ms without a word after which a tab is held for dead, where there are no locks; a hidden one pings once a minute */
const SILENCE = 5 * 60_000;

/** The worker's side of one session with one tab: what a server's session is to a connection. */
export class Tab implements TabLink {
  readonly #port: MessagePort;
  readonly #hub: TabHub;
  readonly #life = new Life();
  readonly #runs = new Map<string, TabRun>();
  readonly #lists = new Map<number, TabList>();
  #waiters: (() => void)[] = [];
  #sent = 0;
  #greeted = false;
  #over = false;
  #cancelSilence: () => void;
  #cancelExpiry = () => {};

  constructor(port: MessagePort, hub: TabHub) {
    this.#port = port;
    this.#hub = hub;
    this.#cancelSilence = this.#silence();
    port.onmessage = ({ data }: MessageEvent<TabMessage>) => this.#receive(data);
    this.#life.show(`millrace worker ${hub.platform.random()}`, (name) => this.#say({ type: 'lock', name }));
  }

  get greeted(): boolean {
    return this.#greeted;
  }

  get full(): boolean {
    return this.#sent >= ROOM;
  }

  whenRoom(fn: () => void): void {
    if (this.full) this.#waiters.push(fn);
    else fn();
  }

  post(frames: ServerFrame[], weight: number): void {
    this.#sent += weight;
    this.#say({ type: 'frames', frames, weight });
  }

  page(run: string, after: string): Promise<EventPage> {
    return this.#hub.page(run, after);
  }

  lost(error: MillraceError): void {
    this.end({ error });
  }

  /** The session is over; the tab begins another, or finds its own way. */
  end({ refused, retryAfter, error }: Closed): void {
    this.#say({
      type: 'closed',
      ...(refused && { refused }),
      ...(retryAfter !== undefined && { retryAfter }),
      ...(error && { problem: toProblem(error) }),
    });
    this.#close();
  }

  #say(message: WorkerMessage): void {
    if (!this.#over) this.#port.postMessage(message);
  }

  #close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelSilence();
    this.#cancelExpiry();
    this.#life.end();
    for (const held of [...this.#runs.values(), ...this.#lists.values()]) held.close();
    for (const wake of this.#waiters.splice(0)) wake();
    this.#port.close();
    this.#hub.left(this);
  }

  #receive(message: TabMessage): void {
    if (this.#over) return;
    this.#cancelSilence();
    this.#cancelSilence = this.#silence();
    switch (message.type) {
      case 'open':
        return;
      case 'lock':
        return this.#life.watch(message.name, () => this.#close());
      case 'close':
        return this.#close();
      case 'taken':
        this.#sent -= message.weight;
        if (this.#sent <= ROOM / 2) for (const wake of this.#waiters.splice(0)) wake();
        return;
      case 'frame': {
        const { frame } = message;
        this.#answer(frame).catch((error: unknown) => this.#failed(frame, error));
      }
    }
  }

  async #answer(frame: ClientFrame): Promise<void> {
    switch (frame.type) {
      case 'hello': {
        const refusal = await this.#show(frame.token ?? '');
        if (refusal) return this.end(refusal);
        const hello = await this.#hub.greet();
        this.#greeted = true;
        return this.post([hello], 1);
      }
      case 'ping':
        return this.post([{ type: 'pong', at: frame.at, now: this.#hub.platform.clock.now() }], 1);
      case 'token': {
        const refusal = await this.#show(frame.token);
        return this.#answerTo(frame.id)(refusal?.error);
      }
      case 'subscribe': {
        const key = filterKey(frame.run, frame.filter);
        const run = this.#hub.run(frame.run, frame.filter, key);
        this.#runs.get(key)?.close();
        const answer = this.#answerTo(frame.id, () => ({ key, head: run.head }));
        this.#runs.set(key, new TabRun(this, run, frame.after, answer));
        return;
      }
      case 'unsubscribe': {
        const key = filterKey(frame.run, frame.filter);
        this.#runs.get(key)?.close();
        this.#runs.delete(key);
        return this.post([{ type: 'ok', id: frame.id, key }], 1);
      }
      case 'list': {
        this.#lists.get(frame.id)?.close();
        this.#lists.set(frame.id, new TabList(this, frame.id, this.#hub.list(frame.query), this.#answerTo(frame.id)));
        return;
      }
      case 'unlist':
        this.#lists.get(frame.list)?.close();
        this.#lists.delete(frame.list);
        return this.post([{ type: 'ok', id: frame.id }], 1);
      case 'command':
        return this.post([{ ...(await this.#hub.ask(frame)), id: frame.id }], 1);
    }
  }

  #answerTo(id: number, about = () => ({})): (refusal?: MillraceError) => void {
    return (refusal) =>
      this.post([refusal ? { type: 'error', id, problem: toProblem(refusal) } : { type: 'ok', id, ...about() }], 1);
  }

  /** A tab is served for as long as the server accepts its own token, whoever else's the connection was made with. */
  async #show(token: string): Promise<Closed | undefined> {
    const refusal = await this.#hub.verify(token);
    const expires = tokenExpiry(token);
    if (!refusal && !this.#over && expires !== undefined) this.#endAt(expires);
    return refusal;
  }

  #endAt(expires: number): void {
    const { clock } = this.#hub.platform;
    this.#cancelExpiry();
    this.#cancelExpiry = clock.after(expires - clock.now(), () => {
      // Timers go no further than 24 days.
      if (clock.now() < expires) return this.#endAt(expires);
      this.end({
        refused: true,
        error: new MillraceError('token_expired', { detail: "The tab's token has expired." }),
      });
    });
  }

  #failed(frame: ClientFrame, error: unknown): void {
    const known = error instanceof MillraceError ? error : unreachable(String(error));
    if ('id' in frame) this.post([{ type: 'error', id: frame.id, problem: toProblem(known) }], 1);
    else this.end({ error: known });
  }

  #silence(): () => void {
    return this.#hub.platform.clock.after(SILENCE, () => this.end({ error: unreachable('The tab fell silent.') }));
  }
}
