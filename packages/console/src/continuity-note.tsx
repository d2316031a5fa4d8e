import type { Continuity } from '@millrace/client';
import type { ReactNode } from 'react';

const notes: Record<Continuity, { word: string; meaning: string; look: string }> = {
  complete: { word: 'complete', meaning: 'Nothing is missing here.', look: 'text-muted' },
  repaired: {
    word: 'repaired',
    meaning: 'What is shown is right; a stretch of it came as its outcome, not change by change.',
    look: 'text-warn',
  },
  gap: { word: 'gap', meaning: 'Something is missing right now; it is being asked for.', look: 'text-bad' },
};

/** Whether what is shown is whole, in a word; its meaning is told to whoever points at it or has it read out. */
export function ContinuityNote({ continuity }: { continuity: Continuity }): ReactNode {
  const { word, meaning, look } = notes[continuity];
  return (
    <>
      <abbr className={`no-underline ${look}`} title={meaning}>
        {word}
      </abbr>
      {continuity !== 'complete' && <span className="sr-only"> {meaning}</span>}
    </>
  );
}
