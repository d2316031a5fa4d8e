import { FrameJudge } from './judge-frames.ts';
import { type AnswerJudge, answerJudge } from './judge-http.ts';
import type { Truth } from './ledger.ts';
import type { Asked, WireTap } from './network.ts';
import type { Person } from './tokens.ts';
import type { Trace } from './trace.ts';
import type { Verdicts } from './verdicts.ts';

export interface JudgedBy {
  name: string;
  person: Person;
  truth: Truth;
  verdicts: Verdicts;
  trace: Trace;
}

/** Has everything that arrives at a client judged before the client sees it, each connection by itself. */
export class JudgingTap implements WireTap {
  readonly #sockets: FrameJudge[] = [];
  readonly #about: JudgedBy;
  #connections = 0;

  constructor(about: JudgedBy) {
    this.#about = about;
  }

  /** What open connections have not been sent. */
  get behind(): string[] {
    return this.#sockets.flatMap((socket) => socket.behind);
  }

  socket(): ReturnType<WireTap['socket']> {
    const { person, truth, verdicts, trace } = this.#about;
    const name = this.#next();
    const judge = new FrameJudge(name, person, truth, verdicts);
    this.#sockets.push(judge);
    return {
      sent: (text) => judge.sent(text),
      received(text) {
        trace.note(name, text);
        judge.received(text);
      },
      closed: () => judge.closed(),
    };
  }

  request(asked: Asked): ReturnType<WireTap['request']> {
    const { trace } = this.#about;
    const name = this.#next();
    const about = { ...this.#about, name };
    let judge: AnswerJudge | undefined;
    let refused = false;
    return {
      answered(status) {
        refused = status >= 400;
        trace.note(name, `${asked.method} ${asked.url.pathname} ${status}`);
        judge = answerJudge(asked, status, about);
      },
      body(piece) {
        // A refusal names its request, by chance.
        trace.note(name, refused ? `${piece.length}` : piece);
        judge?.body(piece);
      },
      whole: () => judge?.whole(),
    };
  }

  #next(): string {
    this.#connections += 1;
    return `${this.#about.name}.${this.#connections}`;
  }
}
