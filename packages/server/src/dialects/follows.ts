import { formatCursor, MillraceError, type Problem, type RunFilter, toProblem } from '@millrace/protocol';
import type { Principal } from '../auth/auth.ts';
import type { Attached, AttachedRoom, Encoding, Hub } from '../hub/face.ts';
import type { NamespaceSocket } from '../transport/transport.ts';
import { formatPosition, type Position, parsePosition } from './position.ts';

/** One run as a socket follows it. */
export interface Followed {
  key: string;
  run: string;
  encoding: Encoding;
  filter?: RunFilter;
}

const nothing = () => {};

/**
 * What one Socket.IO socket follows, and where its client stands in that: written with each turn's last event, so that
 * a client that was away goes on from there, whatever became of the server.
 */
export class Follows {
  readonly #hub: Hub;
  readonly attached: Attached;
  /** where the client stood that comes back; undefined = it begins anew */
  readonly back: Position | undefined;
  #opening = new Map<string, Promise<unknown>>();
  /** rooms that a client who comes back does not join by itself */
  #rooms = new Set<string>();

  /** `encoding` spells what is about the connection as a whole. */
  constructor(hub: Hub, principal: Principal, socket: NamespaceSocket, encoding: Encoding) {
    this.#hub = hub;
    this.attached = hub.attach({ principal, connection: socket, encoding });
    this.back = socket.recovered === undefined ? undefined : parsePosition(socket.recovered, hub.epoch);
    socket.offset = () => this.#position();
  }

  /**
   * Resolves with what begins the writing, which nothing does where the key is followed already: a client whose session
   * was restored subscribes again, and is sent nothing twice. `after`: a cursor, or a seq of the present epoch.
   * Errors: forbidden, run_not_found, invalid_cursor, subscription_limit.
   */
  async follow(followed: Followed, after: string | number): Promise<() => void> {
    const { key } = followed;
    if (this.attached.follows(key)) {
      await this.#opening.get(key);
      return nothing;
    }
    const cursor = typeof after === 'string' ? after : formatCursor(this.#hub.epoch, after);
    const opening = this.attached.follow({ ...followed, after: cursor, anew: true });
    this.#opening.set(key, opening);
    try {
      return (await opening).begin;
    } finally {
      if (this.#opening.get(key) === opening) this.#opening.delete(key);
    }
  }

  /** `own`: each socket joins it by itself. Errors: forbidden, subscription_limit. */
  room(request: Omit<AttachedRoom, 'back'>, own = false): void {
    const { key } = request;
    if (this.attached.follows(key)) return;
    const back = this.#backIn(key, own);
    this.attached.room({ ...request, ...(back && { back }) });
    if (!own) this.#rooms.add(key);
  }

  unfollow(key: string): void {
    this.#rooms.delete(key);
    this.attached.unfollow(key);
  }

  /** Goes on with all that the client names: `again` follows what stands under a key, from after a seq. */
  restore(
    again: (key: string, seq: number) => Promise<() => void>,
    failed: (key: string, error: unknown) => void,
  ): void {
    for (const { key, run, seq } of this.back?.places ?? []) {
      if (run !== undefined) continue;
      again(key, seq).then(
        (begin) => begin(),
        (error: unknown) => failed(key, error),
      );
    }
  }

  #position(): string | undefined {
    if (!this.attached.settled) return undefined;
    const places = [...this.attached.places(), ...[...this.#rooms].map((key) => ({ key, seq: 0 }))];
    return formatPosition(this.#hub.epoch, this.attached.now(), places);
  }

  /** Where in a room the client stands that comes back; undefined = it was not in it. */
  #backIn(room: string, own: boolean): AttachedRoom['back'] {
    const there = this.back?.places.filter(({ key }) => key === room);
    if (!this.back || !there || !(own || there.length > 0)) return undefined;
    return {
      at: this.back.at,
      cursors: new Map(there.flatMap(({ run, seq }) => (run === undefined ? [] : [[run, seq]]))),
    };
  }
}

/** What a client is told of an error; what is no refusal of ours it is not told. */
export function problemFor(error: unknown): Problem {
  return toProblem(error instanceof MillraceError ? error : new MillraceError('internal'));
}
