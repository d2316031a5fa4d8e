import type { Json } from '@millrace/protocol/json';
import type { WaitView } from '@millrace/protocol/view';
import { type ComponentType, type ReactNode, useId, useState } from 'react';
import { fieldAt, type InputIssue, initialValue, issuesOf } from '../../present/form-value.ts';
import type { Pending } from '../../present/pending.ts';
import { Details } from './details.tsx';
import { JsonField } from './json-field.tsx';
import { PendingNote } from './pending-note.tsx';
import { useSending } from './sending.ts';

/** What a form of fields for a JSON Schema gets. `issues` are those of its fields. */
export interface InputFormProps {
  schema: Json;
  value: Json | undefined;
  issues: readonly InputIssue[];
  isDisabled: boolean;
  onChange(value: Json | undefined): void;
}

export interface InputCardProps {
  /** a wait of kind `input` */
  wait: WaitView;
  /** Gives the value. What it rejects with is shown, an `input_invalid`'s issues at their fields. */
  onProvide(value: Json): Promise<unknown>;
  /** time of day as text, for when it was asked and answered */
  timeText(at: number): string;
  /** draws the fields of a JSON Schema; without it, and for inputs without a schema, the value is written as JSON */
  form?: ComponentType<InputFormProps> | undefined;
  /** the answer that is on its way, as the run's snapshot has it */
  pending?: Pending | undefined;
  onTakeBack?(pending: Pending): void;
}

/** A value asked of a person: what for, a form, and until when. An answered one says who gave what. */
export function InputCard(props: InputCardProps): ReactNode {
  const { wait, timeText } = props;
  const title = useId();
  const { input } = wait;
  if (!input) return null;
  const isOpen = wait.status === 'open';
  return (
    <section className={isOpen ? 'mr-approval' : 'mr-approval mr-approval-ended'} aria-labelledby={title}>
      <div>
        <h2 className="mr-approval-title" id={title}>
          {input.prompt}
        </h2>
        <p className="mr-quiet">{isOpen ? asked(wait, timeText) : answered(wait, timeText)}</p>
      </div>
      {isOpen && <Provide key={wait.seq} {...props} input={input} />}
      {!isOpen && input.value !== undefined && <Details value={input.value} />}
    </section>
  );
}

function asked({ requestedAt, timeoutAt, input }: WaitView, timeText: InputCardProps['timeText']): string {
  const since = `Waiting for input since ${timeText(requestedAt)}`;
  if (timeoutAt === undefined) return since;
  const then = input?.default === undefined ? '' : '; after that its default is taken';
  return `${since}, answer by ${timeText(timeoutAt)}${then}`;
}

function answered({ status, by, endedAt, input }: WaitView, timeText: InputCardProps['timeText']): string {
  if (status === 'cancelled') return 'The run ended before anybody answered.';
  const at = endedAt === undefined ? '' : `, ${timeText(endedAt)}`;
  if (status !== 'timed_out') return `Given${by === undefined ? '' : ` by ${by.replace(/^user:/, '')}`}${at}`;
  return `Nobody answered in time${input?.value === undefined ? '' : '; its default was taken'}${at}`;
}

type ProvideProps = InputCardProps & { input: NonNullable<WaitView['input']> };

function Provide({ input, onProvide, form: Form, pending, onTakeBack }: ProvideProps): ReactNode {
  const { schema } = input;
  const [value, setValue] = useState<Json | undefined>(() => input.default ?? initialValue(schema));
  const { sending, isOff: isSent, send } = useSending();
  const isOff = isSent || pending !== undefined;
  const error = sending.state === 'refused' ? sending.error : undefined;
  const issues = issuesOf(error);
  const isForm = Form !== undefined && schema !== undefined;
  const isAtField = ({ path }: InputIssue): boolean => isForm && fieldAt(schema, path) !== undefined;
  const others = issues.filter((issue) => !isAtField(issue));
  return (
    <form
      className="mr-answer"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (value !== undefined) send(() => onProvide(value));
      }}
    >
      {error && (
        <div role="alert" className="mr-error">
          {issues.length > 0 ? 'The answer does not fit what was asked for.' : `It was not taken: ${error.message}`}
          {others.length > 0 && (
            <ul className="mr-issues">
              {others.map(({ path, message }) => (
                <li key={`${path} ${message}`}>{path === '' ? message : `${path}: ${message}`}</li>
              ))}
            </ul>
          )}
        </div>
      )}
      {isForm ? (
        <Form schema={schema} value={value} issues={issues.filter(isAtField)} isDisabled={isOff} onChange={setValue} />
      ) : (
        <JsonField
          label="Answer (JSON)"
          help={schema === undefined ? 'Any JSON will do; put quotes around text.' : 'It is checked when it is sent.'}
          initial={value}
          isDisabled={isOff}
          onChange={setValue}
        />
      )}
      <div className="mr-buttons">
        <button type="submit" className="mr-button mr-button-main" disabled={isOff || value === undefined}>
          Send
        </button>
      </div>
      {pending ? (
        <PendingNote pending={pending} now={0} onKeep={() => {}} onTakeBack={() => onTakeBack?.(pending)} />
      ) : (
        <p role="status" className="mr-quiet" hidden={!isSent}>
          {sending.state === 'sending' ? 'Sending your answer…' : sending.state === 'sent' ? 'Sent.' : ''}
        </p>
      )}
    </form>
  );
}
