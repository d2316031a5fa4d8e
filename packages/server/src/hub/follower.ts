import { toProblem } from '@millrace/protocol';
import type { Connection } from '../transport/transport.ts';
import type { Expiring } from './expiry.ts';
import type { Encoding, Follow, Following } from './face.ts';
import { Outbox } from './outbox.ts';
import type { HubParts } from './parts.ts';
import { RunSubscription } from './run-subscription.ts';

/** One connection that follows one run in an encoding of its own, and is closed when there is nothing more. */
export class Follower implements Following, Expiring {
  readonly #request: Follow;
  readonly #parts: HubParts;
  readonly #left: (follower: Follower) => void;
  readonly #subscription: RunSubscription;
  readonly #forgetGrant: () => void;
  #outbox: Outbox | undefined;
  #encoding: Encoding | undefined;
  #closed = false;
  head = 0;
  drained = false;

  constructor(parts: HubParts, request: Follow, left: (follower: Follower) => void) {
    this.#parts = parts;
    this.#request = request;
    this.#left = left;
    this.#subscription = new RunSubscription(parts, request.principal, request.run, request.filter);
    const { tenant, grant } = request.principal;
    this.#forgetGrant =
      grant === undefined ? () => {} : parts.grants.watch(tenant, grant, () => this.#refuse('unauthorized'));
  }

  /** Errors: forbidden, run_not_found, invalid_cursor. */
  async open(): Promise<void> {
    const { after, snapshot } = this.#request;
    try {
      const { head, drained } = await this.#subscription.open(after ?? (snapshot ? undefined : '0'));
      this.head = head;
      this.drained = drained;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  start(connection: Connection, encoding: Encoding): void {
    if (this.#closed) return connection.close(1012, 'shutting_down');
    const outbox = new Outbox(connection, encoding);
    this.#outbox = outbox;
    this.#encoding = encoding;
    this.#parts.expiries.add(this);
    this.#subscription.begin({
      outbox,
      encoding,
      drained: () => this.#end(1000, 'drained'),
      failed: () => this.#end(1011, 'failed'),
    });
  }

  get expires(): number {
    return this.#request.principal.expires;
  }

  expire(): void {
    this.#refuse('token_expired');
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#parts.expiries.delete(this);
    this.#forgetGrant();
    this.#subscription.close();
    this.#outbox?.close();
    this.#left(this);
  }

  stop(reason: string, retryAfter: number): void {
    const problem = toProblem({ code: 'shutting_down', facts: { retryAfter } });
    if (this.#encoding) this.#outbox?.send(this.#encoding.bye(reason, problem));
    this.#end(1012, 'shutting_down');
  }

  #refuse(code: 'token_expired' | 'unauthorized'): void {
    const problem = toProblem({ code });
    if (this.#encoding) this.#outbox?.send(this.#encoding.problem(problem, this.#subscription.key));
    this.#end(4401, code);
  }

  #end(code: number, reason: string): void {
    this.#outbox?.end(code, reason);
    this.close();
  }
}
