/**
 * The journal layout: a commit writes one row with the text of its batch; chunks of a run's log and its rows are
 * written later, many events at a time. `n` numbers the commits of all times.
 */
export const sqlite0003 = `
CREATE TABLE journal (
  n INTEGER PRIMARY KEY,
  entries TEXT NOT NULL, -- JSON: what the commit changed of each run that its tables do not show yet
  text TEXT NOT NULL -- the events of all entries, joined by U+001E
);

CREATE TABLE chunks (
  run INTEGER NOT NULL, seq INTEGER NOT NULL, through INTEGER NOT NULL,
  controls TEXT NOT NULL, -- which are control events: '' none, '*' all, or their places from 0, joined by ','
  text NOT NULL -- TEXT: the events, joined by U+001E; BLOB: the same, compressed by zstd
);
INSERT INTO chunks (run, seq, through, controls, text)
  SELECT run, min(seq), max(seq),
    coalesce(group_concat(CASE control WHEN 1 THEN (seq - 1) % 256 END, ',' ORDER BY seq), ''),
    group_concat(text, char(30) ORDER BY seq)
  FROM events GROUP BY run, (seq - 1) / 256;
CREATE UNIQUE INDEX chunks_by_seq ON chunks (run, seq);
DROP TABLE events;

-- head: the last event in chunks; the other columns are as of commit n.
ALTER TABLE heads ADD COLUMN n INTEGER NOT NULL DEFAULT 0;
ALTER TABLE heads ADD COLUMN loose INTEGER NOT NULL DEFAULT 0; -- length of the text that is not compressed
ALTER TABLE heads ADD COLUMN cold INTEGER NOT NULL DEFAULT 0; -- the last event of those that are
UPDATE heads SET loose = coalesce((SELECT sum(length(text)) FROM chunks WHERE chunks.run = heads.run), 0);
CREATE INDEX heads_loose ON heads (run) WHERE loose >= 65536 OR (ended = 1 AND loose >= 4096);
`;
