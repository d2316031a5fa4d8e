import { MillraceError, type Problem } from '@millrace/protocol';
import { executions } from '@millrace/protocol/dialects/executions';
import type { Principal } from '../auth/auth.ts';
import type { Hub } from '../hub/face.ts';
import type { Namespace, NamespaceSocket, SocketSession } from '../transport/transport.ts';
import { isName } from './channel.ts';
import { type Followed, Follows, problemFor } from './follows.ts';
import { eventPacket, packetEncoding } from './packets.ts';
import { parsePosition } from './position.ts';

const encoding = packetEncoding(executions, {
  packet: ({ event, data }) => eventPacket(event, data),
  problem: (problem, key) => eventPacket('error', refusal(problem, key)),
});

/** Socket.IO namespace `/executions`: subscribe and unsubscribe; status, log, result, error, nodeStatus. */
export function executionsNamespace(hub: Hub): Namespace {
  return {
    name: '/executions',
    accepts: (offset) => parsePosition(offset, hub.epoch) !== undefined,
    connect: (principal, socket) => new ExecutionsSession(hub, principal, socket),
  };
}

/** A late subscriber is sent the run's whole log; one that was away and says so, what comes after it. */
class ExecutionsSession implements SocketSession {
  readonly #follows: Follows;

  constructor(hub: Hub, principal: Principal, socket: NamespaceSocket) {
    this.#follows = new Follows(hub, principal, socket, encoding);
    this.#follows.restore(
      (run, seq) => this.#follows.follow(followed(run), seq),
      (run, error) => this.#tell(refusal(problemFor(error), run)),
    );
  }

  receive(event: string, [run]: readonly unknown[], ack?: (answer: unknown) => void): void {
    this.#do(event, run).then(
      (begin) => {
        this.#follows.attached.mark();
        ack?.({ ok: true });
        begin?.();
      },
      (error: unknown) => {
        const answer = refusal(problemFor(error), typeof run === 'string' ? run : '');
        if (ack) ack(answer);
        else this.#tell(answer);
      },
    );
  }

  closed(): void {
    this.#follows.attached.closed();
  }

  async #do(event: string, run: unknown): Promise<(() => void) | undefined> {
    if (event !== 'subscribe' && event !== 'unsubscribe') {
      throw new MillraceError('invalid_message', { detail: 'Expected subscribe or unsubscribe.' });
    }
    if (!isName(run)) {
      throw new MillraceError('invalid_message', { detail: `Expected ${event} with an execution's id.` });
    }
    if (event === 'subscribe') return this.#follows.follow(followed(run), 0);
    this.#follows.unfollow(run);
    return undefined;
  }

  #tell(answer: Refusal): void {
    this.#follows.attached.send(Buffer.from(eventPacket('error', answer)));
  }
}

interface Refusal {
  executionId: string;
  error: string;
  code: string;
}

function followed(run: string): Followed {
  return { key: run, run, encoding };
}

function refusal({ code, detail, title }: Problem, executionId: string): Refusal {
  return { executionId, error: detail ?? title, code };
}
