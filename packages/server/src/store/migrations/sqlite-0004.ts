/**
 * Shorter rows for each commit: the journal's are compressed where they are long, and those of `commits` leave out
 * what is usual.
 */
export const sqlite0004 = `
-- TEXT: what the commit changed of each run as JSON, then the events, joined by U+001E; BLOB: the same, compressed by zstd
ALTER TABLE journal RENAME COLUMN entries TO record;
UPDATE journal SET record = CASE text WHEN '' THEN record ELSE record || char(30) || text END;
ALTER TABLE journal DROP COLUMN text;
`;
