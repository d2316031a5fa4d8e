import {
  type ControlView,
  definitionId,
  graphIndex,
  type LeaseState,
  liveAttempts,
  type NewEvent,
  type NodeView,
  type WaitView,
} from '@millrace/protocol';
import type { DocumentRow, DueRow, RunKey, WaitRow } from '../store/store.ts';
import type { DueCommand } from './command.ts';

/** What a flush makes a run owe its own future, another run, its workers and the inbox; and what it settles. */
export class Obligations {
  // Made when something comes into them: most parts owe nothing.
  due: Map<string, DueRow> | undefined;
  undue: Set<string> | undefined;
  waits: Map<string, WaitRow> | undefined;
  unwait: Set<string> | undefined;
  /** waits that have ended: whoever runs their node is told */
  readonly ended: string[] = [];
  documents: Map<string, DocumentRow> | undefined;
  /** attempts that were ended by something other than themselves, and what their worker is to be told */
  readonly signals: { worker: string; state: LeaseState }[] = [];
  /** nothing is dispatched any more: the queue rows go */
  dequeueAll = false;
  /** dispatching goes on: every queued node gets a row again */
  enqueueAll = false;
  readonly #key: RunKey;
  readonly #at: number;
  readonly #grace: number;

  constructor(key: RunKey, at: number, grace: number) {
    this.#key = key;
    this.#at = at;
    this.#grace = grace;
  }

  owe(key: string, at: number, command: DueCommand, to: RunKey = this.#key): void {
    if (to === this.#key) this.undue?.delete(key);
    this.due ??= new Map();
    this.due.set(`${to.run}/${key}`, { ...to, key, at, command: JSON.stringify(command) });
  }

  settle(key: string): void {
    this.due?.delete(`${this.#key.run}/${key}`);
    this.undue ??= new Set();
    this.undue.add(key);
  }

  /** Takes one event into account. `control` is the view before the event; `own`: the attempt itself wrote it. */
  take(event: NewEvent, control: ControlView, own: boolean): void {
    if (!own) this.#interrupt(event, control);
    switch (event.type) {
      case 'run.created': {
        const { ttl } = event.data.options ?? {};
        if (ttl !== undefined) this.owe('ttl', this.#at + ttl, { type: 'ttl' });
        return;
      }
      case 'run.paused':
        this.dequeueAll = true;
        this.enqueueAll = false;
        if (liveAttempts(control) > 0) this.owe('grace', this.#at + this.#grace, { type: 'grace' });
        return;
      case 'run.resumed':
        this.enqueueAll = true;
        this.settle('grace');
        return;
      case 'run.stopping':
        this.dequeueAll = true;
        this.enqueueAll = false;
        this.owe('grace', event.data.graceUntil, { type: 'grace' });
        this.#cancelChildren(Object.values(control.waits), event.data.outcome);
        return;
      case 'run.completed':
      case 'run.failed':
      case 'run.cancelled':
        return this.#ended(event, control);
      case 'node.retrying':
        return this.owe(`retry/${event.node}`, event.data.nextAt, {
          type: 'requeue',
          node: event.node as string,
          attempt: event.attempt as number,
        });
      case 'node.started':
        return this.#limit(event.node as string, event.attempt as number, control);
      case 'node.completed':
      case 'node.failed':
      case 'node.cancelled':
      case 'node.skipped':
        for (const id in control.nodes[event.node ?? '']?.openWaits) this.#close(control.waits[id]);
        return;
      case 'approval.requested':
      case 'input.requested':
        return this.#ask(event, control);
      case 'approval.resolved':
        this.ended.push(event.data.approvalId);
        return this.#answered(event.data.approvalId);
      case 'input.provided':
      case 'input.timed_out':
        this.ended.push(event.data.inputId);
        return this.#answered(event.data.inputId);
      case 'sleep.started':
        return this.owe(`wait/${event.data.sleepId}`, event.data.until, {
          type: 'wait-timeout',
          wait: event.data.sleepId,
          timeoutAt: event.data.until,
        });
      case 'child.started': {
        const { childId, input } = event.data;
        return this.owe(`spawn/${childId}`, this.#at, {
          type: 'spawn',
          child: childId,
          ...(input === undefined ? {} : { input }),
        });
      }
      case 'sleep.ended':
        this.ended.push(event.data.sleepId);
        return;
      case 'child.ended':
        this.ended.push(event.data.childId);
        return this.settle(`spawn/${event.data.childId}`);
    }
  }

  /** Content moves nothing but the projection of knowledge bases. */
  tell(event: NewEvent): void {
    if (event.type !== 'kb.started' && event.type !== 'kb.completed' && event.type !== 'kb.failed') return;
    const { kbId, documentId, fileName } = event.data;
    const row: DocumentRow = {
      ...{ kbId, documentId, fileName, run: this.#key.run, at: this.#at },
      status: event.type === 'kb.started' ? 'processing' : event.type === 'kb.completed' ? 'completed' : 'failed',
    };
    if (event.type === 'kb.started' && event.data.bytes !== undefined) row.bytes = event.data.bytes;
    if (event.type === 'kb.completed')
      Object.assign(row, { chunks: event.data.chunks, embeddings: event.data.embeddings });
    if (event.type === 'kb.failed') row.error = event.data.error;
    const name = `${kbId}/${documentId}`;
    this.documents ??= new Map();
    this.documents.set(name, { ...this.documents.get(name), ...row });
  }

  #limit(node: string, attempt: number, control: ControlView): void {
    const limit = graphIndex(control.graph).nodes.get(definitionId(node))?.timeout;
    if (limit === undefined || control.external) return;
    this.owe(`timeout/${node}`, this.#at + limit, { type: 'timeout', node, attempt });
  }

  #ask(event: Extract<NewEvent, { type: 'approval.requested' | 'input.requested' }>, control: ControlView): void {
    const approval = event.type === 'approval.requested';
    const id = approval ? event.data.approvalId : event.data.inputId;
    const { timeoutAt } = event.data;
    const to = approval ? event.data.escalation?.to : undefined;
    this.unwait?.delete(id);
    this.waits ??= new Map();
    this.waits.set(id, {
      ...this.#key,
      id,
      kind: approval ? 'approval' : 'input',
      node: event.node ?? '',
      workflow: control.workflow,
      title: approval ? event.data.title : event.data.prompt,
      requestedAt: this.#at,
      ...(control.owner === undefined ? {} : { owner: control.owner }),
      ...(timeoutAt === undefined ? {} : { timeoutAt }),
      ...(to === undefined ? {} : { to }),
    });
    if (timeoutAt !== undefined) this.owe(`wait/${id}`, timeoutAt, { type: 'wait-timeout', wait: id, timeoutAt });
  }

  #answered(id: string): void {
    this.waits?.delete(id);
    this.unwait ??= new Set();
    this.unwait.add(id);
    this.settle(`wait/${id}`);
  }

  #close(wait: WaitView | undefined): void {
    if (!wait) return;
    if (wait.kind === 'child') {
      this.settle(`spawn/${wait.id}`);
      this.#cancelChildren([wait], 'its parent went on without it');
    } else this.#answered(wait.id);
  }

  #cancelChildren(waits: WaitView[], reason: string): void {
    for (const { child, status } of waits) {
      if (status !== 'open' || !child || child.detached) continue;
      this.owe(
        'cancel',
        this.#at,
        { type: 'cancel', reason: `parent: ${reason}` },
        { tenant: this.#key.tenant, run: child.run },
      );
    }
  }

  /** The parent is told; a run that did not complete takes its children along. */
  #ended(
    event: Extract<NewEvent, { type: 'run.completed' | 'run.failed' | 'run.cancelled' }>,
    control: ControlView,
  ): void {
    const outcome = event.type.slice('run.'.length) as 'completed' | 'failed' | 'cancelled';
    if (outcome !== 'completed') this.#cancelChildren(Object.values(control.waits), outcome);
    const parent = control.lineage?.parent;
    if (!parent?.step) return;
    const childId = `${parent.node}:${parent.step}`;
    const ended = {
      ...{ type: 'child-ended' as const, child: childId, run: this.#key.run, outcome },
      ...(event.type === 'run.completed' && event.data.output !== undefined ? { output: event.data.output } : {}),
      ...(event.type === 'run.failed' ? { error: event.data.error } : {}),
    };
    this.owe(`child/${childId}`, this.#at, ended, { tenant: this.#key.tenant, run: parent.run });
  }

  #interrupt(event: NewEvent, { nodes }: ControlView): void {
    const tell = (node: NodeView | undefined, state: LeaseState['state'], reason: string) => {
      if (node?.status !== 'running' || node.worker === undefined) return;
      this.signals.push({
        worker: node.worker,
        state: { run: this.#key.run, node: node.id, attempt: node.attempt, state, reason },
      });
    };
    switch (event.type) {
      case 'attempt.lost':
      case 'node.cancelled':
        return tell(nodes[event.node ?? ''], 'lost', event.data.reason);
      case 'node.failed':
      case 'node.retrying':
        return tell(
          nodes[event.node ?? ''],
          event.data.error.code === 'timeout' ? 'timeout' : 'lost',
          event.data.error.code,
        );
      case 'run.paused':
        for (const id in nodes) tell(nodes[id], 'pause', event.data.reason ?? 'paused');
        return;
      case 'run.stopping':
        for (const id in nodes) tell(nodes[id], 'cancel', event.data.outcome);
        return;
      case 'run.cancelled':
      case 'run.failed':
        for (const id in nodes) tell(nodes[id], 'lost', event.type);
    }
  }
}
