import { expect, test } from 'vitest';
import { CommitCutter } from './commit-cutter.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');
const SYNC = 'S\0\0\0\x04';

test('a COMMIT goes out once, and its connection is cut', async () => {
  const cutter = new CommitCutter();
  const look = cutter.inspect();
  expect(look(bytes('Q\0\0\0\x0bCOMMIT\0'), 'client')).toBe('pass');
  const cut = cutter.next();
  expect(look(bytes('Q\0\0\0\x0aBEGIN\0'), 'client')).toBe('pass');
  expect(look(bytes('C\0\0\0\x0bCOMMIT\0'), 'server')).toBe('pass');
  expect(look(bytes('Q\0\0\0\x0bCOMMIT\0'), 'client')).toBe('cut');
  await cut;
  expect(cutter.inspect()(bytes('Q\0\0\0\x0bCOMMIT\0'), 'client')).toBe('pass');
});

test('a commit that is one call is cut behind its last piece, whatever other connections say meanwhile', async () => {
  const cutter = new CommitCutter();
  const [look, other] = [cutter.inspect(), cutter.inspect()];
  const cut = cutter.next();
  expect(other(bytes(`PSELECT n FROM millrace.commits${SYNC}`), 'client')).toBe('pass');
  expect(look(bytes('PSELECT millrace.commit_1($1'), 'client')).toBe('pass');
  expect(other(bytes(`PSELECT millrace.commit_1($1${SYNC}`), 'client')).toBe('pass');
  expect(look(bytes(`parameters${SYNC}`), 'client')).toBe('cut');
  await cut;
});
