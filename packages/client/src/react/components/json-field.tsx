import type { Json } from '@millrace/protocol/json';
import { type ReactNode, useId, useState } from 'react';

export interface JsonFieldProps {
  label: string;
  /** said below the field while what it holds is JSON */
  help: string;
  /** undefined = empty */
  initial: Json | undefined;
  isDisabled?: boolean;
  /** `undefined` = it is no JSON now */
  onChange(value: Json | undefined): void;
}

/** A value written as JSON, where nothing says what it looks like. */
export function JsonField({ label, help, initial, isDisabled, onChange }: JsonFieldProps): ReactNode {
  const [text, setText] = useState(() => (initial === undefined ? '' : JSON.stringify(initial, null, 2)));
  const [problem, setProblem] = useState<string>();
  const about = useId();
  const change = (next: string): void => {
    setText(next);
    try {
      onChange(JSON.parse(next) as Json);
      setProblem(undefined);
    } catch (error) {
      onChange(undefined);
      setProblem((error as Error).message);
    }
  };
  return (
    <div className="mr-label">
      <label className="mr-label">
        <span className="mr-label-text">{label}</span>
        <textarea
          className="mr-input mr-mono"
          rows={8}
          spellCheck={false}
          aria-describedby={about}
          aria-invalid={problem !== undefined}
          disabled={isDisabled}
          value={text}
          onChange={({ target }) => change(target.value)}
        />
      </label>
      <p id={about} className={problem === undefined ? 'mr-quiet' : 'mr-error'}>
        {problem === undefined ? help : `Not JSON yet: ${problem}`}
      </p>
    </div>
  );
}
