import {
  formatCursor,
  MillraceError,
  type Problem,
  parseCursor,
  type RunCommand,
  type RunView,
} from '@millrace/protocol';
import type { Dialect, Message } from '@millrace/protocol/dialects/dialect';
import { parseTimePosition } from '@millrace/protocol/dialects/position-time';
import {
  type ConnectionEvent,
  connectionMessage,
  currentState,
  runSocket,
} from '@millrace/protocol/dialects/run-socket';
import type { Principal } from '../auth/auth.ts';
import type { Attached, Encoding, Hub } from '../hub/face.ts';
import { type Connection, PACKET_END, type SocketEnd, type SocketService } from '../transport/transport.ts';
import { problemFor } from './follows.ts';
import { packetEncoding } from './packets.ts';

const PATH = '/ws/';
const END = String.fromCharCode(PACKET_END);
/** the close code of a refusal that has none of its own (RFC 6455: policy violation) */
const REFUSED = 1008;
/** the one run that a socket follows */
const KEY = 'run';

/**
 * Raw WebSocket `/ws/{runId}`: `connected`, or `reconnected` where the client says with `since` or `seq` what it has,
 * then the run's present state, then what it has not got and what comes. Takes ping, request_state, pause, resume and
 * approval_response; what it does not understand it answers with `error`, and goes on.
 */
export function runSocketService(hub: Hub): SocketService {
  return {
    path: PATH,
    packets: true,
    connect: (principal, socket, target) => new RunSocket(hub, principal, socket, target),
    refusal: (problem, target, at) => ending(problem, placeOf(target).run, at, 0),
  };
}

class RunSocket implements SocketEnd {
  readonly #hub: Hub;
  readonly #attached: Attached;
  readonly #run: string;
  readonly #encoding: Encoding;
  /** resolved once it is known whether the run may be seen */
  readonly #begun: Promise<void>;

  constructor(hub: Hub, principal: Principal, socket: Connection, target: string) {
    const { run, since, seq } = placeOf(target);
    const position = since === null ? undefined : parseTimePosition(since);
    this.#hub = hub;
    this.#run = run;
    this.#encoding = this.#encodingSince(position?.seq === undefined ? position?.at : undefined);
    this.#attached = hub.attach({ principal, connection: socket, encoding: this.#encoding });
    const came = since !== null || seq !== null;
    const after = position?.seq === undefined ? (seq ?? (came ? '0' : undefined)) : String(position.seq);
    this.#begun = this.#begin(came, after).catch((error: unknown) => this.#refuse(error));
  }

  receive(text: string): void {
    this.#do(text).catch((error: unknown) => this.#tell('error', errorOf(problemFor(error))));
  }

  beat(): void {
    this.#tell('heartbeat');
  }

  closed(): void {
    this.#attached.closed();
  }

  /** Without a cursor the state is where the log begins for this reader; with one it is told, and the rest follows. */
  async #begin(came: boolean, after: string | undefined): Promise<void> {
    const place = after === undefined ? { snapshot: true } : { after: this.#cursor(after) };
    const { begin } = await this.#attached.follow({ key: KEY, run: this.#run, encoding: this.#encoding, ...place });
    this.#tell(came ? 'reconnected' : 'connected', { run_id: this.#run });
    if (came) await this.#state();
    begin();
  }

  async #do(text: string): Promise<void> {
    const message = messageOf(text);
    switch (message.type) {
      case 'ping':
        return this.#tell('pong');
      case 'request_state':
        await this.#begun;
        return this.#state();
      case 'pause':
      case 'resume':
        return this.#command({ type: message.type, ...textOf('reason', message.reason) });
      case 'approval_response': {
        const { approval_id: approvalId, decision, comment } = message;
        if (typeof approvalId !== 'string' || typeof decision !== 'string') {
          throw new MillraceError('invalid_message', { detail: 'Expected approval_id and decision as texts.' });
        }
        return this.#command({ type: 'approve', approvalId, decision, ...textOf('comment', comment) });
      }
      default:
        throw new MillraceError('invalid_message', {
          detail: 'Expected a type: ping, request_state, pause, resume or approval_response.',
        });
    }
  }

  /** What it leads to comes as messages of the run, to this socket too. */
  async #command(command: RunCommand): Promise<void> {
    await this.#attached.command(this.#run, command);
  }

  async #state(): Promise<void> {
    const { text } = await this.#attached.view(KEY);
    const messages = currentState(JSON.parse(text) as RunView, this.#reached);
    this.#attached.send(Buffer.from(messages.map(packet).join(END)));
  }

  #tell(name: ConnectionEvent, data?: Record<string, string>): void {
    const message = connectionMessage(name, this.#run, this.#attached.now(), this.#reached, data);
    this.#attached.send(Buffer.from(packet(message)));
  }

  #refuse(error: unknown): void {
    const problem = problemFor(error);
    this.#attached.send(Buffer.from(ending(problem, this.#run, this.#attached.now(), this.#reached)));
    this.#attached.end(new MillraceError(problem.code).row.close ?? REFUSED, problem.code);
  }

  /** seq of the last event that was written to this socket */
  get #reached(): number {
    return this.#attached.places()[0]?.seq ?? 0;
  }

  #cursor(after: string): string {
    const { epoch } = this.#hub;
    return formatCursor(epoch, parseCursor(after, epoch).seq);
  }

  /** `since`: somebody's clock, in ms; what happened before it is not told. */
  #encodingSince(since: number | undefined): Encoding {
    const told: Dialect =
      since === undefined
        ? runSocket
        : {
            ...runSocket,
            name: `run-socket:${since}`,
            messages: (view, event) => (event.at < since ? [] : runSocket.messages(view, event)),
          };
    const word = (problem: Problem) => ending(problem, this.#run, this.#attached.now(), this.#reached);
    return packetEncoding(told, {
      packet,
      problem: word,
      bye: (_reason, problem) => word(problem),
    });
  }
}

function packet({ data }: Message): string {
  return JSON.stringify(data);
}

/** What is told before the server closes. */
function ending(problem: Problem, run: string, at: number, reached: number): string {
  const { code, detail, title } = problem;
  const messages = [
    connectionMessage('error', run, at, reached, errorOf(problem)),
    connectionMessage('disconnected', run, at, reached, { reason: code, message: detail ?? title }),
  ];
  return messages.map(packet).join(END);
}

function errorOf({ code, detail, title }: Problem): Record<string, string> {
  return { code, message: detail ?? title };
}

function placeOf(target: string): { run: string; since: string | null; seq: string | null } {
  const url = URL.parse(target, 'http://localhost');
  const path = url?.pathname.slice(PATH.length) ?? '';
  // A plus sign of a time zone that was not encoded is read as a space.
  const since = url?.searchParams.get('since')?.replace(' ', '+') ?? null;
  return { run: decoded(path), since, seq: url?.searchParams.get('seq') ?? null };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function messageOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // told below
  }
  throw new MillraceError('invalid_message', { detail: 'The message is no JSON object.' });
}

function textOf<Name extends string>(name: Name, value: unknown): { [field in Name]?: string } {
  return (typeof value === 'string' ? { [name]: value } : {}) as { [field in Name]?: string };
}
