import { MillraceError } from '@millrace/protocol';

/** What a name of the `/` namespace stands for. */
export type Channel =
  | { kind: 'execution'; run: string }
  | { kind: 'job'; run: string }
  | { kind: 'agent'; agent: string; run: string }
  | { kind: 'kb'; kb: string }
  | { kind: 'user'; user: string };

/** characters */
const LIMIT = 500;

/** Whether a client may name something so. */
export function isName(text: unknown): text is string {
  return typeof text === 'string' && text !== '' && text.length <= LIMIT && text.isWellFormed();
}

/** Throws `invalid_message` where the text names no channel. */
export function parseChannel(text: unknown): Channel {
  const [, kind, name] = (isName(text) && /^(\w+):(.+)$/s.exec(text)) || [];
  switch (name === undefined ? undefined : kind) {
    case 'execution':
    case 'job':
      return { kind: kind as 'execution' | 'job', run: name as string };
    case 'kb':
      return { kind: 'kb', kb: name as string };
    case 'user':
      return { kind: 'user', user: name as string };
    case 'agent': {
      // An agent's own name may hold colons; a run's id does not.
      const at = (name as string).lastIndexOf(':');
      if (at > 0) return { kind: 'agent', agent: (name as string).slice(0, at), run: (name as string).slice(at + 1) };
    }
  }
  throw new MillraceError('invalid_message', {
    detail: 'Expected execution:ID, job:ID, agent:AGENT:EXECUTION, kb:ID or user:ID.',
  });
}
