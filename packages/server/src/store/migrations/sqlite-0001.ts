/**
 * The row layout: one row per event in a heap, found by (run, seq). What a commit costs is the pages it dirties, so
 * what every append changes (`heads`) stands apart from what only control events change (`runs`).
 */
export const sqlite0001 = `
CREATE TABLE runs (
  id INTEGER PRIMARY KEY, -- grows with creation
  tenant TEXT NOT NULL,
  run TEXT NOT NULL,
  owner TEXT,
  workflow TEXT NOT NULL,
  queue TEXT,
  status TEXT NOT NULL,
  shown TEXT NOT NULL, -- the public status
  summary TEXT NOT NULL,
  UNIQUE (tenant, run)
);
CREATE INDEX runs_by_tenant ON runs (tenant);
CREATE INDEX runs_by_owner ON runs (tenant, owner) WHERE owner IS NOT NULL;
CREATE INDEX runs_by_status ON runs (tenant, shown);

CREATE TABLE run_tags (
  tenant TEXT NOT NULL, tag TEXT NOT NULL, run INTEGER NOT NULL, PRIMARY KEY (tenant, tag, run)
) WITHOUT ROWID;

CREATE TABLE heads (
  run INTEGER PRIMARY KEY, head INTEGER NOT NULL, ctl INTEGER NOT NULL, at INTEGER NOT NULL, ended INTEGER NOT NULL
);

CREATE TABLE events (run INTEGER NOT NULL, seq INTEGER NOT NULL, control INTEGER NOT NULL, text TEXT NOT NULL);
CREATE UNIQUE INDEX events_by_seq ON events (run, seq);
CREATE INDEX control_by_seq ON events (run, seq) WHERE control = 1;

CREATE TABLE snapshots (
  run INTEGER NOT NULL, kind TEXT NOT NULL, seq INTEGER NOT NULL, fold INTEGER NOT NULL, text TEXT NOT NULL
);
CREATE UNIQUE INDEX snapshots_by_kind ON snapshots (run, kind);

CREATE TABLE commits (
  server TEXT NOT NULL, n INTEGER NOT NULL, at INTEGER NOT NULL, parts TEXT NOT NULL, PRIMARY KEY (server, n)
) WITHOUT ROWID;

CREATE TABLE producers (
  run INTEGER NOT NULL, id TEXT NOT NULL, term INTEGER NOT NULL, sequence INTEGER NOT NULL, seq INTEGER NOT NULL,
  PRIMARY KEY (run, id)
) WITHOUT ROWID;

CREATE TABLE uniques (
  tenant TEXT NOT NULL, scope TEXT NOT NULL, key TEXT NOT NULL, run TEXT NOT NULL, hash TEXT NOT NULL,
  PRIMARY KEY (tenant, scope, key)
) WITHOUT ROWID;

CREATE TABLE queue (
  place INTEGER PRIMARY KEY, -- grows with queueing
  tenant TEXT NOT NULL,
  run INTEGER NOT NULL,
  node TEXT NOT NULL,
  task TEXT NOT NULL,
  version TEXT,
  queue TEXT NOT NULL,
  priority INTEGER NOT NULL,
  at INTEGER NOT NULL,
  delayed INTEGER NOT NULL -- 1 = it could not be claimed yet when it was queued
);
CREATE UNIQUE INDEX queue_by_node ON queue (run, node);
CREATE INDEX queue_ready ON queue (tenant, task, priority DESC, place) WHERE delayed = 0;
CREATE INDEX queue_delayed ON queue (tenant, task, at) WHERE delayed = 1;
CREATE INDEX queue_next ON queue (at) WHERE delayed = 1;

CREATE TABLE leases (
  run INTEGER NOT NULL, node TEXT NOT NULL, attempt INTEGER NOT NULL, worker TEXT NOT NULL, boot TEXT NOT NULL,
  expires INTEGER NOT NULL, PRIMARY KEY (run, node)
) WITHOUT ROWID;
CREATE INDEX leases_by_end ON leases (expires);

CREATE TABLE due (
  place INTEGER PRIMARY KEY, -- grows with writing
  tenant TEXT NOT NULL, run TEXT NOT NULL, key TEXT NOT NULL, at INTEGER NOT NULL, command TEXT NOT NULL,
  UNIQUE (tenant, run, key)
);
CREATE INDEX due_by_time ON due (at);

CREATE TABLE slots (
  tenant TEXT NOT NULL, queue TEXT NOT NULL, key TEXT NOT NULL, used INTEGER NOT NULL,
  PRIMARY KEY (tenant, queue, key)
) WITHOUT ROWID;

CREATE TABLE definitions (
  place INTEGER PRIMARY KEY, -- grows with registration
  tenant TEXT NOT NULL, name TEXT NOT NULL, hash TEXT NOT NULL, at INTEGER NOT NULL, text TEXT NOT NULL,
  UNIQUE (tenant, name, hash)
);

CREATE TABLE blobs (
  id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, sha256 TEXT NOT NULL, bytes INTEGER NOT NULL, type TEXT NOT NULL,
  UNIQUE (tenant, sha256)
);
CREATE TABLE blob_chunks (blob INTEGER NOT NULL, n INTEGER NOT NULL, data BLOB NOT NULL);
CREATE UNIQUE INDEX blob_chunks_by_place ON blob_chunks (blob, n);
`;
