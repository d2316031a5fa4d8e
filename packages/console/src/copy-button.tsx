import { type ReactNode, useState } from 'react';

/** Puts a text on the clipboard and says whether that worked. */
export function CopyButton({ text, label }: { text: string; label: string }): ReactNode {
  const [done, setDone] = useState<'copied' | 'not copied'>();
  const copy = (): void => {
    const written = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error('no clipboard here'));
    written.then(() => setDone('copied')).catch(() => setDone('not copied'));
  };
  return (
    <>
      <button type="button" className="mr-link" onClick={copy} onBlur={() => setDone(undefined)} aria-label={label}>
        {done ?? 'copy'}
      </button>
      <span role="status" className="sr-only">
        {done}
      </span>
    </>
  );
}
