import { MillraceError, toProblem } from '@millrace/protocol';
import type { Connection } from '../transport/transport.ts';
import { Expiry } from './expiry.ts';
import type { Encoding, Follow, Following, HubOptions } from './face.ts';
import { Outbox } from './outbox.ts';
import type { RunLogs } from './run-log.ts';
import { RunSubscription } from './run-subscription.ts';

/** One connection that follows one run in an encoding of its own, and is closed when there is nothing more. */
export class Follower implements Following {
  readonly #request: Follow;
  readonly #left: () => void;
  readonly #subscription: RunSubscription;
  readonly #expiry: Expiry;
  #outbox: Outbox | undefined;
  #encoding: Encoding | undefined;
  #closed = false;
  head = 0;
  drained = false;

  constructor(options: HubOptions & { logs: RunLogs }, request: Follow, left: () => void) {
    this.#request = request;
    this.#left = left;
    this.#subscription = new RunSubscription(options, request.principal, request.run, request.filter);
    this.#expiry = new Expiry(options.clock, () => this.#expire());
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
    this.#expiry.set(this.#request.principal.expires);
    this.#subscription.begin({
      outbox,
      encoding,
      drained: () => this.#end(1000, 'drained'),
      failed: () => this.#end(1011, 'failed'),
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#expiry.clear();
    this.#subscription.close();
    this.#outbox?.close();
    this.#left();
  }

  stop(reason: string): void {
    if (this.#encoding) this.#outbox?.send(this.#encoding.bye(reason, toProblem({ code: 'shutting_down' })));
    this.#end(1012, 'shutting_down');
  }

  #expire(): void {
    const { row, code } = new MillraceError('token_expired');
    if (this.#encoding) this.#outbox?.send(this.#encoding.problem(toProblem({ code }), this.#subscription.key));
    this.#end(row.close ?? 1000, code);
  }

  #end(code: number, reason: string): void {
    this.#outbox?.end(code, reason);
    this.close();
  }
}
