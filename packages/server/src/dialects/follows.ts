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
  #keys = new Set<string>();
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
    if (this.#keys.has(key)) return nothing;
    this.#keys.add(key);
    try {
      const cursor = typeof after === 'string' ? after : formatCursor(this.#hub.epoch, after);
      const { begin } = await this.attached.follow({ ...followed, after: cursor });
      return begin;
    } catch (error) {
      this.#keys.delete(key);
      throw error;
    }
  }

  /** `own`: each socket joins it by itself. Errors: forbidden, subscription_limit. */
  room(request: Omit<AttachedRoom, 'back'>, own = false): void {
    const { key } = request;
    if (this.#keys.has(key)) return;
    const back = this.back && { at: this.back.at, cursors: within(key, this.back.cursors) };
    this.attached.room({ ...request, ...(back && (own || this.back?.cursors[key] !== undefined) ? { back } : {}) });
    this.#keys.add(key);
    if (!own) this.#rooms.add(key);
  }

  unfollow(key: string): void {
    this.#keys.delete(key);
    this.#rooms.delete(key);
    this.attached.unfollow(key);
  }

  /** Goes on with all that the client names: `again` follows what stands under a key, from after a seq. */
  restore(
    again: (key: string, seq: number) => Promise<() => void>,
    failed: (key: string, error: unknown) => void,
  ): void {
    for (const [key, seq] of Object.entries(this.back?.cursors ?? {})) {
      if (key.includes('/')) continue;
      again(key, seq).then(
        (begin) => begin(),
        (error: unknown) => failed(key, error),
      );
    }
  }

  #position(): string | undefined {
    const cursors = this.attached.cursors();
    for (const key of this.#rooms) cursors.push([key, 0]);
    return cursors.length === 0 ? undefined : formatPosition(this.#hub.epoch, this.attached.now(), cursors);
  }
}

/** The cursors of a room's members, by run. */
function within(key: string, cursors: Record<string, number>): Record<string, number> {
  const members = Object.entries(cursors).filter(([name]) => name.startsWith(`${key}/`));
  return Object.fromEntries(members.map(([name, seq]) => [name.slice(key.length + 1), seq]));
}

/** What a client is told of an error; what is no refusal of ours it is not told. */
export function problemFor(error: unknown): Problem {
  return toProblem(error instanceof MillraceError ? error : new MillraceError('internal'));
}
