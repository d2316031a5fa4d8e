import { MillraceError, type Problem } from '@millrace/protocol';
import {
  agentChannel,
  agentFilter,
  channels,
  executionChannel,
  kbChannel,
  kbFilter,
} from '@millrace/protocol/dialects/channels';
import type { Message } from '@millrace/protocol/dialects/dialect';
import { jobs } from '@millrace/protocol/dialects/jobs';
import { ownOnly, type Principal } from '../auth/auth.ts';
import type { Hub } from '../hub/face.ts';
import type { Namespace, NamespaceSocket, SocketSession } from '../transport/transport.ts';
import { type Channel, parseChannel } from './channel.ts';
import { Follows, problemFor } from './follows.ts';
import { eventPacket, packetEncoding } from './packets.ts';
import { parsePosition } from './position.ts';
import { answerInput, type OpenWaits } from './user-input.ts';

const form = {
  packet: ({ event, data }: Message) => eventPacket(event, data),
  problem: (problem: Problem, key: string) => eventPacket('error', refusal(problem, key)),
};
const whole = packetEncoding(channels, form);
const ofExecutions = packetEncoding(executionChannel, form);
const ofAgents = packetEncoding(agentChannel, form);
const ofJobs = packetEncoding(jobs, form);

export interface ChannelsOptions {
  hub: Hub;
  waits: OpenWaits;
}

/**
 * Socket.IO namespace `/`: rooms `execution:` `agent:` `kb:` `user:` tell in the words of channels, `job:` in those of
 * jobs. A socket is in its user's room from the beginning.
 */
export function channelsNamespace(options: ChannelsOptions): Namespace {
  return {
    name: '/',
    accepts: (offset) => parsePosition(offset, options.hub.epoch) !== undefined,
    connect: (principal, socket) => new ChannelsSession(options, principal, socket),
  };
}

type Ack = ((answer: unknown) => void) | undefined;

class ChannelsSession implements SocketSession {
  readonly #options: ChannelsOptions;
  readonly #principal: Principal;
  readonly #follows: Follows;

  constructor(options: ChannelsOptions, principal: Principal, socket: NamespaceSocket) {
    this.#options = options;
    this.#principal = principal;
    this.#follows = new Follows(options.hub, principal, socket, whole);
    this.#joinOwn();
    this.#follows.restore(
      (channel, seq) => this.#follow(channel, seq),
      (channel, error) => this.#tell(channel, error),
    );
  }

  /** `subscribe(channel, {after}?)`, `unsubscribe(channel)`, `user_input:provide({executionId, inputId?, value})`. */
  receive(event: string, args: readonly unknown[], ack: Ack): void {
    const [subject] = args;
    this.#do(event, args).then(
      (begin) => {
        this.#follows.attached.mark();
        ack?.({ ok: true });
        begin?.();
      },
      (error: unknown) => {
        if (ack) ack(refusal(problemFor(error), subject));
        else this.#tell(subject, error);
      },
    );
  }

  closed(): void {
    this.#follows.attached.closed();
  }

  async #do(event: string, [subject, about]: readonly unknown[]): Promise<(() => void) | undefined> {
    switch (event) {
      case 'subscribe':
        return this.#follow(subject, cursorOf(about));
      case 'unsubscribe':
        parseChannel(subject);
        this.#follows.unfollow(subject as string);
        return undefined;
      case 'user_input:provide':
        await answerInput(this.#follows.attached, this.#principal, this.#options.waits, subject);
        return undefined;
      default:
        throw new MillraceError('invalid_message', {
          detail: 'Expected subscribe, unsubscribe or user_input:provide.',
        });
    }
  }

  async #follow(name: unknown, after: string | number): Promise<() => void> {
    const channel = parseChannel(name);
    const key = name as string;
    switch (channel.kind) {
      case 'execution':
      case 'job':
        return this.#follows.follow(
          { key, run: channel.run, encoding: channel.kind === 'job' ? ofJobs : ofExecutions },
          after,
        );
      case 'agent': {
        const filter = agentFilter(channel.agent);
        return this.#follows.follow({ key, run: channel.run, encoding: ofAgents, filter }, after);
      }
      default:
        this.#join(key, channel);
        return () => {};
    }
  }

  #join(key: string, channel: Channel & { kind: 'kb' | 'user' }): void {
    if (channel.kind === 'kb') {
      const encoding = packetEncoding(kbChannel(channel.kb), form);
      return this.#follows.room({ key, query: {}, filter: kbFilter, encoding, from: 'start' });
    }
    const own = channel.user === this.#principal.id;
    if (!own && ownOnly(this.#principal))
      throw new MillraceError('forbidden', { detail: 'This is the room of another user.' });
    this.#follows.room({ key, query: { owner: channel.user }, encoding: whole, from: 'now' }, own);
  }

  /** A token for one run or tag alone has no room of its own. */
  #joinOwn(): void {
    if (this.#principal.only || !this.#principal.scopes.includes('run:read')) return;
    const { id } = this.#principal;
    this.#join(`user:${id}`, { kind: 'user', user: id });
  }

  #tell(subject: unknown, error: unknown): void {
    this.#follows.attached.send(Buffer.from(eventPacket('error', refusal(problemFor(error), subject))));
  }
}

/** A seq of the run, or a whole cursor. */
function cursorOf(about: unknown): string | number {
  const { after = 0 } = typeof about === 'object' && about !== null ? (about as { after?: unknown }) : {};
  if (typeof after === 'number' && Number.isSafeInteger(after) && after >= 0) return after;
  if (typeof after === 'string' && after.length <= 100) return after;
  throw new MillraceError('invalid_cursor', { detail: 'Expected after to be a seq or a cursor.' });
}

/** `error` for who reads a text, `code` for who decides by it, `issues` where an answer failed its schema. */
function refusal(problem: Problem, subject: unknown) {
  const { code, detail, title, issues } = problem as Problem & { issues?: unknown };
  const message = detail ?? title;
  const channel = typeof subject === 'string' && subject !== '' ? { channel: subject.slice(0, 500) } : {};
  return { error: message, code, message, ...channel, ...(issues === undefined ? {} : { errors: issues }) };
}
