import { createHash } from 'node:crypto';
import type { Json } from '@millrace/protocol';
import { type ErrorCode, errors } from '@millrace/protocol/error';
import { type Field, textIn } from './answer-form.ts';
import { html, type Markup } from './markup.ts';
import type { Question } from './question.ts';

const style = `
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 40rem; padding: 1.5rem; }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; }
pre { overflow: auto; max-height: 24rem; padding: .75rem; border: 1px solid #8888; border-radius: .4rem; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; }
label { display: block; margin-top: 1rem; font-weight: 600; }
label small, .note { font-weight: 400; opacity: .75; }
input, textarea, select { box-sizing: border-box; width: 100%; font: inherit; padding: .5rem; }
button { font: inherit; padding: .5rem 1.25rem; margin: 1.25rem .5rem 0 0; cursor: pointer; }
[role=alert] { border-left: .3rem solid #c33; padding-left: .75rem; }
`;

/** Nothing but our own style: no script, no picture, nothing from elsewhere, in nobody's frame. */
export const pagePolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

export interface Attempted {
  /** why the answer was refused */
  refusal?: string;
  comment?: string;
  form?: Readonly<Record<string, string>>;
}

/** What the run asks, and the form that answers. `attempted`: what was sent before and refused. */
export function questionPage(question: Question, fields: readonly Field[], attempted: Attempted = {}): string {
  const { title, workflow, details, status, decision, timeoutAt } = question;
  const heading = title === '' ? `A run of ${workflow} waits for an answer` : title;
  return page(
    heading,
    html`<h1>${heading}</h1>
      <p class="note">${workflow} · run ${question.run}${timeoutAt === undefined ? '' : html` · to be answered by ${time(timeoutAt)}`}</p>
      ${details === undefined ? '' : shown(details)}
      ${attempted.refusal === undefined ? '' : html`<p role="alert">${attempted.refusal}</p>`}
      ${
        status === 'open'
          ? html`<form method="post">${question.kind === 'approval' ? decisions(question, attempted) : controls(fields, attempted)}</form>`
          : html`<p role="status">This was ${status === 'answered' ? 'already answered' : status.replace('_', ' ')}${decision === undefined ? '' : html`: ${decision}`}.</p>`
      }`,
  );
}

export function answeredPage(what: string | undefined): string {
  return page(
    'Thank you',
    html`<h1>Thank you</h1><p role="status">Your answer was recorded${what === undefined ? '' : html`: ${what}`}.</p>`,
  );
}

export function refusalPage(code: ErrorCode, detail: string | undefined): string {
  const { title, fix } = errors[code];
  const said = detail ?? title;
  return page(title, html`<h1>${title}</h1>${said === title ? '' : html`<p>${said}</p>`}<p>${fix}</p>`);
}

function page(title: string, body: Markup): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title}</title>
<style>${html.raw(style)}</style>
</head>
<body><main>${body}</main></body>
</html>
`.text;
}

const labels: Record<string, string> = { approved: 'Approve', rejected: 'Reject' };

function decisions({ options }: Question, { comment = '' }: Attempted): Markup {
  return html`<label for="comment">Comment <small>(optional)</small></label>
    <textarea id="comment" name="comment" rows="3" maxlength="10000">${comment}</textarea>
    ${options.map((option) => html`<button name="decision" value="${option}">${labels[option] ?? option}</button>`)}`;
}

function controls(fields: readonly Field[], { form = {} }: Attempted): Markup {
  return html`${fields.map((field) => labelled(field, form[field.name] ?? textIn(field)))}<button>Send</button>`;
}

function labelled(field: Field, text: string): Markup {
  const { name, label, description, required, kind } = field;
  const notes = [required ? '' : '(optional)', kind === 'json' ? 'as JSON' : '', description ?? ''].filter(Boolean);
  return html`<label for="${name}">${label} <small>${notes.join(' · ')}</small></label>${control(field, text)}`;
}

function control({ name, kind, choices, required }: Field, text: string): Markup {
  const must = required ? html` required` : '';
  switch (kind) {
    case 'text':
      return html`<input id="${name}" name="${name}" value="${text}">`;
    case 'number':
      return html`<input id="${name}" name="${name}" type="number" step="any" value="${text}"${must}>`;
    case 'choice':
      return html`<select id="${name}" name="${name}"${must}><option value=""></option>${choices.map(
        (choice, place) =>
          html`<option value="${String(place)}"${String(place) === text ? html` selected` : ''}>${choiceText(choice)}</option>`,
      )}</select>`;
    default:
      return html`<textarea id="${name}" name="${name}" rows="6"${kind === 'json' ? must : ''}>${text}</textarea>`;
  }
}

function choiceText(choice: Json): string {
  if (typeof choice === 'boolean') return choice ? 'yes' : 'no';
  return typeof choice === 'string' ? choice : JSON.stringify(choice);
}

function shown(details: Json): Markup {
  return typeof details === 'string'
    ? html`<p class="text">${details}</p>`
    : html`<pre>${JSON.stringify(details, null, 2)}</pre>`;
}

function time(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
