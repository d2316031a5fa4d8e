import { type ControlView, emptyControl } from '@millrace/protocol';
import { expect, test } from 'vitest';
import { CHECKPOINT_KEPT, checkpointsExpired, loadCheckpoint } from './checkpoint.ts';

const END = 1_800_000_000_000;
function control(endedAt?: number): ControlView {
  const node = { id: 'a', checkpoints: { page: { seq: 7, at: END - 5_000, state: { page: 3 } } } };
  const nodes = { a: node } as unknown as ControlView['nodes'];
  return { ...emptyControl('r'), nodes, ...(endedAt === undefined ? {} : { endedAt }) };
}
const page = { node: 'a', key: 'page' };

test('[SCH-14] a checkpoint can be loaded while its run lives and for seven days after; then it has expired', () => {
  expect(loadCheckpoint(control(), page, END + 1_000 * CHECKPOINT_KEPT)).toMatchObject({ seq: 7, state: { page: 3 } });
  expect(loadCheckpoint(control(END), page, END + CHECKPOINT_KEPT - 1)).toMatchObject({ seq: 7 });
  expect(checkpointsExpired(control(END), END + CHECKPOINT_KEPT - 1)).toBe(false);
  expect(checkpointsExpired(control(END), END + CHECKPOINT_KEPT)).toBe(true);
  expect(() => loadCheckpoint(control(END), page, END + CHECKPOINT_KEPT)).toThrow(
    expect.objectContaining({ code: 'checkpoint_expired' }),
  );
});

test('[SCH-14] one that was never saved was not found, however long ago the run ended', () => {
  const late = END + CHECKPOINT_KEPT;
  expect(() => loadCheckpoint(control(END), { node: 'a', key: 'other' }, late)).toThrow(
    expect.objectContaining({ code: 'checkpoint_not_found' }),
  );
  expect(() => loadCheckpoint(control(END), { node: 'b', key: 'page' }, late)).toThrow(
    expect.objectContaining({ code: 'node_not_found' }),
  );
});
