import { MillraceError, toProblem } from '@millrace/protocol';
import type { Namespace as Place, Socket } from 'socket.io';
import type { Auth, Principal } from '../../auth/auth.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { Namespace, NamespaceSocket, SocketSession } from '../transport.ts';
import type { Recovered } from './recovery.ts';
import type { Spelling } from './spelling.ts';
import { type EngineSocket, EVENT_BURST, EVENT_RATE, type Wire } from './wire.ts';

export interface PlaceOptions {
  namespace: Namespace;
  spelling: Spelling;
  auth: Pick<Auth, 'verify'>;
  metrics: Metrics;
  wireOf(conn: EngineSocket): Wire | undefined;
}

const TWICE = 'The connection is in this namespace already.';

/** What a socket knows before it is one of the namespace. */
type Data = Partial<Recovered> & { principal?: Principal };

/** Lets sockets into one namespace: each with a token of its own, each with its session. */
export function openNamespace(place: Place, { namespace, spelling, auth, metrics, wireOf }: PlaceOptions): void {
  place.use((socket, next) => {
    const wire = wireOf(socket.conn);
    if (!wire?.mayAsk()) return next(refusal(tooFast()));
    // Socket.IO would let a second one in while the first one's token is being looked at.
    if (wire.entered.has(place.name)) return next(refusal(new MillraceError('invalid_message', { detail: TWICE })));
    wire.entered.add(place.name);
    const { token = wire.token, pid } = socket.handshake.auth as Record<string, unknown>;
    if (pid !== undefined) metrics.count('socketio_reconnects_total');
    auth.verify(typeof token === 'string' ? token : undefined).then(
      (principal) => {
        (socket.data as Data).principal = principal;
        next();
      },
      (error: unknown) => {
        wire.entered.delete(place.name);
        next(refusal(error));
      },
    );
  });
  place.on('connection', (socket) => {
    const wire = wireOf(socket.conn);
    const { principal, offset } = socket.data as Data;
    if (!wire || !principal) return socket.conn.close();
    serve(socket, principal, namespace, new Seat(wire, spelling, offset));
  });
}

function serve(socket: Socket, principal: Principal, namespace: Namespace, seat: Seat): void {
  let session: SocketSession;
  try {
    session = namespace.connect(principal, seat);
  } catch {
    return seat.close();
  }
  // Nothing is passed on to Socket.IO's own listeners: a client might name its event as one of them.
  socket.use(([event, ...args]: unknown[]) => {
    const last = args.at(-1);
    const ack = typeof last === 'function' ? (args.pop() as (answer: unknown) => void) : undefined;
    if (typeof event !== 'string') return seat.close();
    if (!seat.wire.mayAsk()) return refuse(seat, ack);
    session.receive(event, args, ack);
  });
  socket.on('disconnect', () => {
    seat.wire.entered.delete(namespace.name);
    session.closed();
  });
}

/** A socket of a namespace, as the namespace sees it. */
class Seat implements NamespaceSocket {
  readonly wire: Wire;
  readonly recovered: string | undefined;
  offset: (() => string | undefined) | undefined;
  readonly #spelling: Spelling;

  constructor(wire: Wire, spelling: Spelling, recovered: string | undefined) {
    this.wire = wire;
    this.recovered = recovered;
    this.#spelling = spelling;
  }

  get kind(): 'socketio' | 'polling' {
    return this.wire.polling ? 'polling' : 'socketio';
  }

  write(message: Buffer): void {
    const offset = this.offset?.();
    if (message.length > 0 || offset !== undefined) this.wire.send(this.#spelling.batch(message, offset));
  }

  /** Past `offset`: it says nothing of what the namespace has written. */
  tell(event: string, data: object): void {
    this.wire.send(this.#spelling.batch(Buffer.from(JSON.stringify([event, data])), undefined));
  }

  buffered(): number {
    return this.wire.buffered();
  }

  onDrain(listener: () => void): void {
    this.wire.onDrain(listener);
  }

  close(): void {
    this.wire.close();
  }
}

function refuse(seat: Seat, ack: ((answer: unknown) => void) | undefined): void {
  const { code, message } = tooFast();
  seat.tell('error', { code, message });
  ack?.({ error: message, code });
}

function tooFast(): MillraceError {
  return new MillraceError('rate_limited', {
    detail: `More than ${EVENT_BURST} events at once, or ${EVENT_RATE} a second for longer: this one was dropped.`,
  });
}

/** An error as Socket.IO puts it into `connect_error`. */
function refusal(error: unknown): Error & { data: object } {
  const known = error instanceof MillraceError ? error : new MillraceError('internal');
  const { title, detail = title, code } = toProblem(known);
  return Object.assign(new Error(detail), { data: { code, message: detail } });
}
