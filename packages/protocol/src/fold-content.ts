import { draft, type Fresh, own } from './draft.ts';
import { type EventOf, type RunEvent, stepId } from './event.ts';
import { foldAgent } from './fold-agent.ts';
import { foldDocument } from './fold-document.ts';
import { originOf } from './fold-origin.ts';
import { supersede } from './fold-supersede.ts';
import { trim, trimKeys } from './fold-window.ts';
import {
  type ContentView,
  type ControlView,
  ERROR_WINDOW,
  FILE_WINDOW,
  type FileView,
  LOG_WINDOW,
  METRIC_WINDOW,
} from './view.ts';

/** Folds what an event tells. `control` is already folded: it says what is durable. */
export function foldContent(content: ContentView, control: ControlView, event: RunEvent, fresh?: Fresh): ContentView {
  switch (event.type) {
    case 'run.progress': {
      const view = draft(content, fresh);
      view.progress = event.data.progress;
      if (event.data.message !== undefined) view.message = event.data.message;
      return view;
    }
    case 'node.progress':
      return progress(content, event.node ?? '', event.data, fresh);
    case 'step.progress':
      return progress(content, stepKey(event), event.data, fresh);
    case 'step.started':
    case 'step.completed':
    case 'step.failed':
      return endProgress(content, stepKey(event), fresh);
    case 'node.started':
      return supersede(endProgress(content, event.node ?? '', fresh), control, event.node ?? '', fresh);
    case 'node.completed':
    case 'node.failed':
    case 'node.cancelled':
      return endProgress(content, event.node ?? '', fresh);
    case 'log':
      return log(content, event, fresh);
    case 'agent.started':
    case 'agent.message':
    case 'agent.thinking':
    case 'agent.token':
    case 'agent.completed':
    case 'agent.tool_call':
    case 'agent.tool_result':
      return foldAgent(content, control, event, fresh);
    case 'kb.started':
    case 'kb.processing':
    case 'kb.completed':
    case 'kb.failed':
      return foldDocument(content, event, fresh);
    case 'file.created':
    case 'file.updated':
      return file(content, event, fresh);
    case 'metric':
      return metric(content, event, fresh);
    case 'error':
      return error(content, event, fresh);
    default:
      return content;
  }
}

function stepKey({ node, data }: EventOf<'step.started' | 'step.progress' | 'step.completed' | 'step.failed'>): string {
  return `${node ?? ''}/${stepId(data.name, data.key)}`;
}

function progress(
  content: ContentView,
  key: string,
  data: { progress: number; message?: string },
  fresh?: Fresh,
): ContentView {
  const view = draft(content, fresh);
  own(view, 'progresses', fresh)[key] = {
    progress: data.progress,
    ...(data.message === undefined ? {} : { message: data.message }),
  };
  return view;
}

/** Progress is of what is going on: it goes when its node or step starts again or ends. */
function endProgress(content: ContentView, key: string, fresh?: Fresh): ContentView {
  if (content.progresses[key] === undefined) return content;
  const view = draft(content, fresh);
  delete own(view, 'progresses', fresh)[key];
  return view;
}

function log(content: ContentView, event: EventOf<'log'>, fresh?: Fresh): ContentView {
  const view = draft(content, fresh);
  const logs = own(view, 'logs', fresh);
  const { level, message, metadata } = event.data;
  const lines = own(logs, 'lines', fresh);
  lines.push({ ...originOf(event), level, message, ...(metadata === undefined ? {} : { metadata }) });
  logs.total += 1;
  trim(lines, LOG_WINDOW);
  return view;
}

function file(content: ContentView, event: EventOf<'file.created' | 'file.updated'>, fresh?: Fresh): ContentView {
  const view = draft(content, fresh);
  const files = own(view, 'files', fresh);
  const { name, type, bytes, sha256, url } = event.data;
  const next: FileView = { ...originOf(event), name, type, bytes, sha256, url };
  const place = files.findIndex((seen) => seen.name === name);
  if (place >= 0) {
    files[place] = next;
    return view;
  }
  files.push(next);
  view.fileTotal += 1;
  trim(files, FILE_WINDOW);
  return view;
}

function metric(content: ContentView, { data, at }: EventOf<'metric'>, fresh?: Fresh): ContentView {
  const view = draft(content, fresh);
  const metrics = own(view, 'metrics', fresh);
  const { name, value, unit } = data;
  if (metrics[name] === undefined) trimKeys(metrics, METRIC_WINDOW);
  metrics[name] = { value, at, ...(unit === undefined ? {} : { unit }) };
  return view;
}

function error(content: ContentView, { seq, at, node, data }: EventOf<'error'>, fresh?: Fresh): ContentView {
  const view = draft(content, fresh);
  const errors = own(view, 'errors', fresh);
  errors.push({ seq, at, code: data.code, message: data.message, ...(node === undefined ? {} : { node }) });
  trim(errors, ERROR_WINDOW);
  return view;
}
