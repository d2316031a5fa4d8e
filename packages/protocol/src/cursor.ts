/**
 * How far a reader has got: every event up to and including `seq` of the log that `epoch` names.
 * Its text is `EPOCH:SEQ`. An epoch sorts, is made with the database and renewed when history may have
 * been lost, so a cursor can never silently match another log.
 */
export interface Cursor {
  epoch: string;
  seq: number;
}

export function formatCursor(epoch: string, seq: number): string {
  return `${epoch}:${seq}`;
}
