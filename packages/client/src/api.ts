import { type CreateRun, IDEMPOTENCY_HEADER, type RetryRun, type WorkflowDefinition } from '@millrace/protocol/command';
import type { EventPage, ListQuery, RunCommand } from '@millrace/protocol/frame';
import type { Json } from '@millrace/protocol/json';
import type { ControlView, NodeView, RunSummary, WaitView } from '@millrace/protocol/view';
import { type HttpRequest, send } from './http.ts';
import { listParameters } from './list-parameters.ts';
import { errorOfResponse } from './refused-response.ts';
import type { TokenSource } from './token.ts';
import type { Platform } from './transport.ts';
import { wholeUrl } from './whole-url.ts';

/** What a command was answered with; `seq` = the event that it wrote. */
export interface CommandAnswer {
  seq: number | undefined;
  result?: Json;
}

export interface EventPageQuery {
  /** a cursor, or a bare seq of the present epoch; default: from the first event */
  after?: string;
  /** events; default 500, at most 10,000 */
  limit?: number;
}

export interface Health {
  status: 'ok' | 'stopping';
  version: string;
  wire: number;
  epoch: string;
  server: string;
  /** ms since the epoch */
  now: number;
}

/** A run's summary with what its control view holds; `nodes` are the nodes themselves, `waits` the open ones. */
export type RunDetail = Omit<RunSummary, 'nodes'> &
  Pick<ControlView, 'version' | 'lineage' | 'input' | 'output' | 'reason' | 'graph' | 'usage'> & {
    nodeCounts: RunSummary['nodes'];
    nodes: NodeView[];
    waits: WaitView[];
  };

/** A question that a run waits for people to answer. */
export interface InboxItem {
  run: string;
  /** of the approval or input */
  id: string;
  kind: 'approval' | 'input';
  node: string;
  workflow: string;
  owner?: string;
  title: string;
  /** ms since the epoch */
  requestedAt: number;
  timeoutAt?: number;
  /** whom an escalation asks */
  to?: string;
}

export interface InboxQuery {
  kind?: 'approval' | 'input';
  workflow?: string;
  owner?: string;
  /** default 50, at most 500 */
  limit?: number;
}

/** A document of a knowledge base, as the last run that told of it left it. */
export interface KnowledgeDocument {
  kbId: string;
  documentId: string;
  fileName: string;
  run: string;
  status: 'processing' | 'completed' | 'failed';
  /** ms since the epoch, of the last change */
  at: number;
  bytes?: number;
  chunks?: number;
  embeddings?: number;
  error?: string;
}

/** A knowledge base with the number of its documents by status. */
export interface KnowledgeBase {
  kbId: string;
  documents: Record<KnowledgeDocument['status'], number>;
  chunks: number;
  embeddings: number;
  /** ms since the epoch, of the last change */
  at: number;
}

export interface ApiOptions {
  url: string;
  tokens: TokenSource;
  platform: Platform;
  /** makes the key of a request that must not happen twice */
  newKey(): string;
}

/**
 * The server's HTTP interface. Every call rejects with a MillraceError: the server's own, or `unreachable`.
 * Calls that change something carry an idempotency key; give your own to make a repeat of yours safe as well.
 */
export class Api {
  readonly #options: ApiOptions;

  constructor(options: ApiOptions) {
    this.#options = options;
  }

  /** Starts a run. Errors: workflow_not_found, input_invalid, graph_*, idempotency_conflict, payload_too_large. */
  start(run: CreateRun, options: { key?: string } = {}): Promise<{ id: string; seq: number; repeated: boolean }> {
    return this.#json({ method: 'POST', path: '/api/runs', body: run, headers: this.#idempotent(options.key) });
  }

  /** One run. Errors: run_not_found, run_deleted, forbidden. */
  get(run: string): Promise<RunDetail> {
    return this.#json({ path: `/api/runs/${encodeURIComponent(run)}` });
  }

  /** The runs that match, newest first. */
  async runs(query: ListQuery = {}): Promise<{ rows: RunSummary[]; total: number }> {
    const { runs, total } = await this.#json<{ runs: RunSummary[]; total: number }>({
      path: '/api/runs',
      query: listParameters({ ...query }),
    });
    return { rows: runs, total };
  }

  /** A page of a run's log. Errors: run_not_found, invalid_cursor. */
  events(run: string, query: EventPageQuery = {}): Promise<EventPage> {
    return this.#json({ path: `/api/runs/${encodeURIComponent(run)}/events`, query: { ...query } });
  }

  /** Decides an approval. Errors: run_not_found, wait_not_found, already_answered, run_ended, forbidden. */
  approve(run: string, approvalId: string, decision: string, comment?: string, key?: string): Promise<CommandAnswer> {
    return this.command(run, { type: 'approve', approvalId, decision, ...(comment !== undefined && { comment }) }, key);
  }

  /**
   * Asks something of a run, once and without a queue: `client.run(id).command` is what pages use. `ctl`: seq of the last
   * control event that was seen. Errors: run_not_found, invalid_transition, outdated, run_ended, forbidden.
   */
  command(run: string, command: RunCommand, key?: string, ctl?: number): Promise<CommandAnswer> {
    return this.#json({ method: 'POST', ...commandRequest(run, command, ctl), headers: this.#idempotent(key) });
  }

  /**
   * Starts a new run from what an ended one has left. Errors: run_not_found, invalid_transition, node_not_found,
   * input_invalid, idempotency_conflict, forbidden.
   */
  retry(run: string, request: RetryRun, key?: string): Promise<{ id: string; seq: number; repeated: boolean }> {
    const path = `/api/runs/${encodeURIComponent(run)}/retry`;
    return this.#json({ method: 'POST', path, body: request, headers: this.#idempotent(key) });
  }

  /** What runs wait for people to answer, oldest first. */
  async inbox(query: InboxQuery = {}): Promise<InboxItem[]> {
    const { waits } = await this.#json<{ waits: InboxItem[] }>({ path: '/api/inbox', query: { ...query } });
    return waits;
  }

  /** The knowledge bases, newest change first. */
  async knowledgeBases(): Promise<KnowledgeBase[]> {
    return (await this.#json<{ knowledgeBases: KnowledgeBase[] }>({ path: '/api/kb' })).knowledgeBases;
  }

  /** A knowledge base's documents, newest change first; default 100, at most 1,000. */
  async documents(kbId: string, limit?: number): Promise<KnowledgeDocument[]> {
    const path = `/api/kb/${encodeURIComponent(kbId)}/documents`;
    return (await this.#json<{ documents: KnowledgeDocument[] }>({ path, query: { limit } })).documents;
  }

  /** The registered workflows, by name. */
  async workflows(): Promise<(WorkflowDefinition & { hash: string })[]> {
    const { workflows } = await this.#json<{ workflows: (WorkflowDefinition & { hash: string })[] }>({
      path: '/api/workflows',
    });
    return workflows;
  }

  /** Whether the server lives, and which one it is. Needs no token. */
  health(): Promise<Health> {
    return this.#json({ path: '/api/health' }, false);
  }

  /**
   * The token that requests are made with, for what speaks to the server beside this client; another one where the server
   * has refused `refused`. Rejects with `unauthorized` where there is none to be had.
   */
  token(refused?: string): Promise<string> {
    const { tokens } = this.#options;
    return refused !== undefined && tokens.canRefresh ? tokens.refresh(refused) : tokens.get();
  }

  /** The whole address of a file, from the path in its event. It holds no token: fetch it with {@link file}. */
  fileUrl(path: string): string {
    return wholeUrl(this.#options.url, path);
  }

  /** A file's bytes, from the path in its event. Errors: file_not_found. */
  async file(path: string): Promise<Blob> {
    const response = await this.#send({ path: new URL(path, 'http://path').pathname });
    return response.blob();
  }

  #idempotent(key: string | undefined): Record<string, string> {
    return { [IDEMPOTENCY_HEADER]: key ?? this.#options.newKey() };
  }

  async #json<T>(request: HttpRequest, withToken = true): Promise<T> {
    const response = await this.#send(request, withToken);
    return (await response.json()) as T;
  }

  async #send(request: HttpRequest, withToken = true): Promise<Response> {
    const { platform, url, tokens } = this.#options;
    const token = withToken ? await tokens.get() : undefined;
    const first = await send(platform, url, token, request);
    if (first.ok) return first;
    if (first.status !== 401 || token === undefined || !tokens.canRefresh) throw await errorOfResponse(first);
    await first.body?.cancel();
    const second = await send(platform, url, await tokens.refresh(token), request);
    if (!second.ok) throw await errorOfResponse(second);
    return second;
  }
}

/** The path and body that a command has over HTTP. */
export function commandRequest(run: string, command: RunCommand, ctl?: number): { path: string; body: unknown } {
  const path = `/api/runs/${encodeURIComponent(run)}`;
  switch (command.type) {
    case 'approve': {
      const { approvalId, decision, comment } = command;
      return {
        path: `${path}/approvals/${encodeURIComponent(approvalId)}`,
        body: { decision, ...(comment !== undefined && { comment }) },
      };
    }
    case 'provide':
      return { path: `${path}/inputs/${encodeURIComponent(command.inputId)}`, body: { value: command.value } };
    default:
      return {
        path: `${path}/${command.type}`,
        body: { ...(command.reason !== undefined && { reason: command.reason }), ...(ctl !== undefined && { ctl }) },
      };
  }
}
