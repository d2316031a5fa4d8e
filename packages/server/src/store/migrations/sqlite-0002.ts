/**
 * Durable execution: waits, rates and gated queue rows, schedules, grants, documents of knowledge bases, and runs that
 * are held or deleted. Rows without slots and rate keep the indexes that they had, to themselves.
 */
export const sqlite0002 = `
ALTER TABLE runs ADD COLUMN at INTEGER NOT NULL DEFAULT 0; -- when the status last moved; heads.at is never smaller
ALTER TABLE runs ADD COLUMN hold INTEGER NOT NULL DEFAULT 0; -- 1 = it may not be deleted
UPDATE runs SET at = (SELECT at FROM heads WHERE heads.run = runs.id);
CREATE INDEX runs_by_silence ON runs (status, at);

ALTER TABLE queue ADD COLUMN gate TEXT; -- JSON [queue, slots, rate]; rows with the same gate wait for the same thing
DROP INDEX queue_ready;
DROP INDEX queue_delayed;
CREATE INDEX queue_ready ON queue (tenant, task, priority DESC, place) WHERE delayed = 0 AND gate IS NULL;
CREATE INDEX queue_delayed ON queue (tenant, task, at) WHERE delayed = 1 AND gate IS NULL;
CREATE INDEX queue_gated ON queue (tenant, task, gate, priority DESC, place) WHERE gate IS NOT NULL;
CREATE INDEX queue_rated ON queue (tenant, queue, gate ->> '$[2].key') WHERE gate ->> '$[2].key' IS NOT NULL;

CREATE TABLE starts (
  tenant TEXT NOT NULL, queue TEXT NOT NULL, key TEXT NOT NULL, at INTEGER NOT NULL,
  until INTEGER NOT NULL -- when it counts no more
);
CREATE INDEX starts_by_key ON starts (tenant, queue, key, at);
CREATE INDEX starts_by_end ON starts (until);

CREATE TABLE waits (
  tenant TEXT NOT NULL, run TEXT NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, workflow TEXT NOT NULL, owner TEXT,
  requested_at INTEGER NOT NULL,
  text TEXT NOT NULL, -- the row as JSON
  PRIMARY KEY (tenant, run, id)
) WITHOUT ROWID;
CREATE INDEX waits_by_age ON waits (tenant, requested_at, run, id);
CREATE INDEX waits_by_owner ON waits (tenant, owner, requested_at, run, id) WHERE owner IS NOT NULL;

CREATE TABLE documents (
  tenant TEXT NOT NULL, kb_id TEXT NOT NULL, document_id TEXT NOT NULL, file_name TEXT NOT NULL, run TEXT NOT NULL,
  status TEXT NOT NULL, at INTEGER NOT NULL, bytes INTEGER, chunks INTEGER, embeddings INTEGER, error TEXT,
  PRIMARY KEY (tenant, kb_id, document_id)
) WITHOUT ROWID;

CREATE TABLE schedules (
  tenant TEXT NOT NULL, id TEXT NOT NULL, text TEXT NOT NULL, enabled INTEGER NOT NULL, next_at INTEGER, last_run TEXT,
  last_at INTEGER, PRIMARY KEY (tenant, id)
) WITHOUT ROWID;

CREATE TABLE grants (
  tenant TEXT NOT NULL, id TEXT NOT NULL, run TEXT, expires INTEGER NOT NULL, ended_at INTEGER,
  text TEXT NOT NULL, -- the row as JSON, without its end
  PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE INDEX grants_by_run ON grants (tenant, run) WHERE run IS NOT NULL;

CREATE TABLE deleted (
  id INTEGER PRIMARY KEY, -- the number that it had in runs
  tenant TEXT NOT NULL, run TEXT NOT NULL,
  remaining INTEGER NOT NULL, -- events that are still to be removed: those up to this seq
  UNIQUE (tenant, run)
);
CREATE INDEX deleted_unfinished ON deleted (id) WHERE remaining > 0;
CREATE INDEX uniques_by_run ON uniques (tenant, run);
`;
