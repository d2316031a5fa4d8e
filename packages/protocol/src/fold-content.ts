import { draft, type Fresh, own } from './draft.ts';
import { type EventOf, type RunEvent, stepId } from './event.ts';
import { foldAgent } from './fold-agent.ts';
import { foldDocument } from './fold-document.ts';
import { layOver } from './fold-layers.ts';
import { originOf } from './fold-origin.ts';
import { supersede } from './fold-supersede.ts';
import {
  ERROR_WINDOW,
  FILE_WINDOW,
  LOG_WINDOW,
  METRIC_WINDOW,
  PROGRESS_WINDOW,
  trim,
  trimKeys,
} from './fold-window.ts';
import { pick } from './pick.ts';
import type { ContentView, ControlView, FileView } from './view.ts';

/** Folds what an event tells. `control` is already folded: it says what is durable. */
export function foldContent(content: ContentView, control: ControlView, event: RunEvent, fresh?: Fresh): ContentView {
  switch (event.type) {
    case 'run.progress':
      return Object.assign(draft(content, fresh), pick(event.data, 'progress', 'message'));
    case 'node.progress':
      return progress(content, event.node ?? '', event.data, fresh);
    case 'step.progress':
      return progress(content, stepKey(event), event.data, fresh);
    case 'step.started':
    case 'step.completed':
    case 'step.failed':
      return endProgress(content, stepKey(event), fresh);
    case 'node.started':
      return supersede(endAllProgress(content, event.node ?? '', fresh), control, event.node ?? '', fresh);
    case 'node.completed':
    case 'node.failed':
    case 'node.cancelled':
      return endAllProgress(content, event.node ?? '', fresh);
    case 'run.completed':
    case 'run.failed':
    case 'run.cancelled':
      return endAllProgress(content, undefined, fresh);
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
      return foldDocument(content, control, event, fresh);
    case 'file.created':
    case 'file.updated':
      return file(content, control, event, fresh);
    case 'metric':
      return metric(content, control, event, fresh);
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
  const progresses = own(view, 'progresses', fresh);
  if (progresses[key] === undefined) {
    view.progressTotal += 1;
    if (view.progressTotal % PROGRESS_WINDOW === 0) trimKeys(progresses, PROGRESS_WINDOW);
  }
  progresses[key] = pick(data, 'progress', 'message');
  return view;
}

/** Progress is of what is going on: it goes when its node or step starts again or ends. */
function endProgress(content: ContentView, key: string, fresh?: Fresh): ContentView {
  if (content.progresses[key] === undefined) return content;
  const view = draft(content, fresh);
  delete own(view, 'progresses', fresh)[key];
  return view;
}

/** Of a node and all of its steps; of the whole run where `node` is undefined. */
function endAllProgress(content: ContentView, node: string | undefined, fresh?: Fresh): ContentView {
  let view = content;
  for (const key of Object.keys(content.progresses)) {
    if (node === undefined || key === node || key.startsWith(`${node}/`)) view = endProgress(view, key, fresh);
  }
  return view;
}

function log(content: ContentView, event: EventOf<'log'>, fresh?: Fresh): ContentView {
  const view = draft(content, fresh);
  const logs = own(view, 'logs', fresh);
  const lines = own(logs, 'lines', fresh);
  lines.push({ ...originOf(event), ...pick(event.data, 'level', 'message', 'metadata') });
  logs.total += 1;
  trim(lines, LOG_WINDOW);
  return view;
}

function file(
  content: ContentView,
  control: ControlView,
  event: EventOf<'file.created' | 'file.updated'>,
  fresh?: Fresh,
): ContentView {
  const view = draft(content, fresh);
  const files = own(view, 'files', fresh);
  const next: FileView = { ...originOf(event), ...pick(event.data, 'name', 'type', 'bytes', 'sha256', 'url') };
  const place = files.findIndex(({ name }) => name === next.name);
  if (place >= 0) {
    files[place] = layOver(files[place], next, control);
    return view;
  }
  files.push(next);
  view.fileTotal += 1;
  trim(files, FILE_WINDOW);
  return view;
}

function metric(content: ContentView, control: ControlView, event: EventOf<'metric'>, fresh?: Fresh): ContentView {
  const view = draft(content, fresh);
  const metrics = own(view, 'metrics', fresh);
  const { name } = event.data;
  if (metrics[name] === undefined) {
    view.metricTotal += 1;
    if (view.metricTotal % METRIC_WINDOW === 0) trimKeys(metrics, METRIC_WINDOW);
  }
  const next = { ...originOf(event), ...pick(event.data, 'value', 'unit') };
  metrics[name] = layOver(metrics[name], next, control);
  return view;
}

function error(content: ContentView, event: EventOf<'error'>, fresh?: Fresh): ContentView {
  const view = draft(content, fresh);
  const errors = own(view, 'errors', fresh);
  errors.push({ ...originOf(event), ...pick(event.data, 'code', 'message') });
  view.errorTotal += 1;
  trim(errors, ERROR_WINDOW);
  return view;
}
