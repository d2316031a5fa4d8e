import type { Json } from '@millrace/protocol/json';
import { type ReactNode, useId, useState } from 'react';

/** Input as JSON, for a workflow that does not say what its input looks like. `undefined` = it is no JSON now. */
export function JsonField({
  initial,
  onChange,
}: {
  initial: Json;
  onChange(value: Json | undefined): void;
}): ReactNode {
  const [text, setText] = useState(() => JSON.stringify(initial, null, 2));
  const [problem, setProblem] = useState<string>();
  const help = useId();
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
    <div className="grid gap-1">
      <label className="grid gap-1">
        <span className="font-medium">Input (JSON)</span>
        <textarea
          className="mr-input font-mono"
          rows={8}
          spellCheck={false}
          aria-describedby={help}
          aria-invalid={problem !== undefined}
          value={text}
          onChange={({ target }) => change(target.value)}
        />
      </label>
      <p id={help} className={problem === undefined ? 'text-muted' : 'text-bad'}>
        {problem === undefined ? 'This workflow takes any JSON.' : `Not JSON yet: ${problem}`}
      </p>
    </div>
  );
}
