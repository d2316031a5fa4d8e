import type { Assignment, Json, KbPhase, LogLevel } from '@millrace/protocol';
import { AgentStream, partsOf } from './agent-stream.ts';
import { seal, toJson } from './blob.ts';
import type { Checkpoint, KbBody, KbSource, KbTotals, Log, TaskContext } from './context.ts';
import { DurableCalls, type DurablePlace } from './durable.ts';
import { callId } from './journal.ts';
import type { Teller } from './teller.ts';
import { waitCalls } from './waits.ts';

/** The context of one attempt. */
export function attemptContext(place: DurablePlace): TaskContext {
  const { assignment, blobs, signal, teller } = place;
  const calls = new DurableCalls(place);
  let files: Set<string> | undefined;

  return {
    ...facts(assignment),
    signal,
    step: (name, fn, options) => calls.step(name, fn, options),
    log: logOf(teller),
    checkpoint: checkpointOf(calls),

    progress(percent, message) {
      const told = { progress: percent, ...(message === undefined ? {} : { message }) };
      const step = teller.step;
      if (step === undefined) return teller.tell({ type: 'node.progress', data: told });
      const [name = '', ...key] = step.split('/');
      teller.tell({
        type: 'step.progress',
        data: { name, ...(key.length === 0 ? {} : { key: key.join('/') }), ...told },
      });
    },

    ...waitCalls(calls, place),

    agent: (name, body, options = {}) =>
      calls.step(
        name,
        async (step) => {
          const stream = new AgentStream(options.agentId ?? name, callId(name, options.key), options);
          teller.tell(stream.started());
          try {
            for await (const part of partsOf(await body(signal, step))) {
              signal.throwIfAborted();
              for (const event of stream.take(part)) {
                if (event.type === 'agent.tool_result' && event.data.result !== undefined) {
                  event.data.result = (await seal(blobs, event.data.result, 'A tool result')).stored;
                }
                teller.tell(event);
              }
              await teller.room();
            }
          } catch (error) {
            teller.tell(stream.failed());
            throw error;
          }
          teller.tell(stream.completed());
          return stream.answer();
        },
        options,
      ),

    kb: <T extends KbTotals>(kbId: string, document: KbSource, body: KbBody<T>, options = {}) =>
      calls.step(
        'kb',
        async (step) => {
          const { bytes, ...names } = document;
          const of = { kbId, ...names };
          let phase: KbPhase = 'extraction';
          teller.tell({ type: 'kb.started', data: { ...of, ...(bytes === undefined ? {} : { bytes }) } });
          try {
            const totals = await body((now, progress, counts) => {
              phase = now;
              teller.tell({ type: 'kb.processing', data: { ...of, phase, progress, ...counts } });
            }, step);
            const { chunks, embeddings } = totals;
            teller.tell({ type: 'kb.completed', data: { ...of, chunks, embeddings } });
            return totals;
          } catch (error) {
            const message = error instanceof Error ? error.message : String(error);
            if (!signal.aborted)
              teller.tell({ type: 'kb.failed', data: { ...of, error: message, failedPhase: phase } });
            throw error;
          }
        },
        { ...options, key: `${kbId}/${document.documentId}` },
      ),

    file(name, content, { type, key }) {
      const before = files?.has(name) ?? false;
      files ??= new Set();
      files.add(name);
      const body = async () => {
        const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
        const { $blob: sha256 } = await blobs.putBlob(bytes, type);
        const file = { name, type, bytes: bytes.byteLength, sha256, url: `/api/files/${sha256}` };
        teller.tell({ type: before ? 'file.updated' : 'file.created', data: file });
        return file;
      };
      return calls.step('file', body, { key: key === undefined ? name : `${name}/${key}` });
    },

    usage: (usage) => teller.tell({ type: 'usage', data: usage }),
    metric: (name, value, unit) =>
      teller.tell({ type: 'metric', data: { name, value, ...(unit === undefined ? {} : { unit }) } }),
    error: (code, message) => teller.tell({ type: 'error', data: { code, message } }),
  };
}

function facts({ run, node, attempt, workflow, tags, owner, index }: Assignment) {
  return { runId: run, node, attempt, workflow, tags, owner, index };
}

function logOf(teller: Teller): Log {
  const told = (level: LogLevel, message: string, metadata?: unknown): void => {
    const more = metadata === undefined ? {} : { metadata: metadataOf(metadata) };
    teller.tell({ type: 'log', data: { level, message, ...more } });
  };
  return Object.assign(told, {
    debug: (message: string, metadata?: unknown) => told('debug', message, metadata),
    info: (message: string, metadata?: unknown) => told('info', message, metadata),
    warning: (message: string, metadata?: unknown) => told('warning', message, metadata),
    error: (message: string, metadata?: unknown) => told('error', message, metadata),
  });
}

/** A log line never throws: what JSON cannot carry is written as text. */
function metadataOf(metadata: unknown): Json {
  try {
    return toJson(metadata, 'The metadata of a log line');
  } catch {
    return String(metadata);
  }
}

function checkpointOf(calls: DurableCalls): Checkpoint {
  return Object.assign((key: string, state: unknown) => calls.save(key, state), {
    load: <T = Json>(key: string) => calls.load(key) as Promise<T | undefined>,
  });
}
