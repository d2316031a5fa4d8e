/**
 * The tables. A run is a number inside the database: it holds the time of the run's creation, so that a range of
 * numbers is a stretch of time, and events are kept in one partition for each. Names that others choose are of the
 * type `name` and come back decoded; `text` comes back as it is.
 *
 * Times that others choose may be broken numbers of ms; those of the log are whole.
 *
 * What every append changes (`runs`) stands apart from what only control events change (`summaries`), and no index
 * holds a column that an append changes: such a row is replaced on its own page.
 */
export const postgres0001 = `
-- Compared byte by byte: no index depends on the languages that the system knows.
CREATE DOMAIN millrace.name AS varchar COLLATE "C";

CREATE SEQUENCE millrace.run_turn MINVALUE 0 MAXVALUE 4194303 CYCLE;

-- ms since the epoch, and a turn within them
CREATE FUNCTION millrace.run_number() RETURNS bigint LANGUAGE sql VOLATILE AS $$
  SELECT (floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint << 22) | nextval('millrace.run_turn')
$$;

CREATE TABLE millrace.runs (
  id bigint PRIMARY KEY,
  tenant millrace.name NOT NULL,
  run millrace.name NOT NULL,
  head bigint NOT NULL DEFAULT 0,
  ctl bigint NOT NULL DEFAULT 0,
  at bigint NOT NULL DEFAULT 0,
  ended boolean NOT NULL DEFAULT false,
  hold boolean NOT NULL DEFAULT false, -- it may not be deleted
  gone boolean NOT NULL DEFAULT false, -- it was deleted: only this row is left, so that nobody takes its id
  UNIQUE (tenant, run)
) WITH (fillfactor = 60);

CREATE TABLE millrace.summaries (
  run bigint PRIMARY KEY,
  tenant millrace.name NOT NULL,
  owner millrace.name,
  workflow millrace.name NOT NULL,
  queue millrace.name,
  status millrace.name NOT NULL,
  shown millrace.name NOT NULL, -- the public status
  external boolean NOT NULL,
  at bigint NOT NULL, -- when the status last moved; runs.at is never smaller
  tags text[] NOT NULL,
  text text NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX summaries_by_tenant ON millrace.summaries (tenant, run);
CREATE INDEX summaries_by_owner ON millrace.summaries (tenant, owner, run) WHERE owner IS NOT NULL;
CREATE INDEX summaries_by_status ON millrace.summaries (tenant, shown, run);
CREATE INDEX summaries_by_silence ON millrace.summaries (status, at);

CREATE TABLE millrace.tags (
  tenant millrace.name NOT NULL, tag millrace.name NOT NULL, run bigint NOT NULL, PRIMARY KEY (tenant, tag, run)
);

CREATE TABLE millrace.events (
  run bigint NOT NULL, seq integer NOT NULL, control boolean NOT NULL, text text NOT NULL, PRIMARY KEY (run, seq)
) PARTITION BY RANGE (run);
CREATE INDEX events_control ON millrace.events (run, seq) WHERE control;

CREATE TABLE millrace.snapshots (
  run bigint NOT NULL, kind millrace.name NOT NULL, seq bigint NOT NULL, fold bigint NOT NULL, text text NOT NULL,
  PRIMARY KEY (run, kind)
);

-- By place of the batch's parts; runs: null where the part dropped out, reasons: null where it did not.
CREATE TABLE millrace.commits (
  server millrace.name NOT NULL, n bigint NOT NULL, at bigint NOT NULL,
  runs bigint[] NOT NULL, firsts bigint[] NOT NULL, heads bigint[] NOT NULL, ats bigint[] NOT NULL,
  reasons text[] NOT NULL,
  PRIMARY KEY (server, n)
);
CREATE INDEX commits_by_time ON millrace.commits (at);

CREATE TABLE millrace.producers (
  run bigint NOT NULL, id millrace.name NOT NULL, term bigint NOT NULL, sequence bigint NOT NULL, seq bigint NOT NULL,
  PRIMARY KEY (run, id)
) WITH (fillfactor = 60);

CREATE TABLE millrace.uniques (
  tenant millrace.name NOT NULL, scope millrace.name NOT NULL, key millrace.name NOT NULL, run bigint NOT NULL,
  hash text NOT NULL,
  PRIMARY KEY (tenant, scope, key)
);
CREATE INDEX uniques_by_run ON millrace.uniques (run);

CREATE SEQUENCE millrace.place; -- the order of queueing, of due rows and of definitions

CREATE TABLE millrace.queue (
  run bigint NOT NULL,
  node millrace.name NOT NULL,
  place bigint NOT NULL,
  tenant millrace.name NOT NULL,
  task millrace.name NOT NULL,
  version millrace.name,
  queue millrace.name NOT NULL,
  priority bigint NOT NULL,
  at float8 NOT NULL,
  delayed boolean NOT NULL, -- it could not be claimed yet when it was queued
  gate millrace.name, -- rows with the same one wait for the same slots and rate
  slots text[], -- keys, and how many may be taken of each
  limits float8[],
  rate millrace.name, -- its key, and how many may start in so many ms
  rate_limit float8,
  rate_per float8,
  gates text, -- all of that as it was given, as JSON
  offered_to millrace.name, -- the server that was shown the row last, and the others are not, until
  offered_until float8,
  PRIMARY KEY (run, node)
) WITH (fillfactor = 70);
CREATE INDEX queue_ready ON millrace.queue (tenant, task, priority DESC, place) WHERE NOT delayed AND gate IS NULL;
CREATE INDEX queue_delayed ON millrace.queue (tenant, task, at) WHERE delayed AND gate IS NULL;
CREATE INDEX queue_gated ON millrace.queue (tenant, task, gate, priority DESC, place) WHERE gate IS NOT NULL;
CREATE INDEX queue_rated ON millrace.queue (tenant, queue, rate) WHERE rate IS NOT NULL;
CREATE INDEX queue_next ON millrace.queue (at) WHERE delayed;

CREATE TABLE millrace.slots (
  tenant millrace.name NOT NULL, queue millrace.name NOT NULL, key millrace.name NOT NULL, used bigint NOT NULL,
  PRIMARY KEY (tenant, queue, key)
) WITH (fillfactor = 60);

CREATE TABLE millrace.starts (
  tenant millrace.name NOT NULL, queue millrace.name NOT NULL, key millrace.name NOT NULL, at float8 NOT NULL,
  until float8 NOT NULL -- when it counts no more
);
CREATE INDEX starts_by_key ON millrace.starts (tenant, queue, key, at);
CREATE INDEX starts_by_end ON millrace.starts (until);

CREATE TABLE millrace.leases (
  run bigint NOT NULL, node millrace.name NOT NULL, attempt bigint NOT NULL, worker millrace.name NOT NULL,
  boot millrace.name NOT NULL,
  expires float8 NOT NULL, PRIMARY KEY (run, node)
) WITH (fillfactor = 60);
CREATE INDEX leases_by_end ON millrace.leases (expires);

-- It names runs by their ids, because a run that is told something need not exist yet.
CREATE TABLE millrace.due (
  tenant millrace.name NOT NULL, run millrace.name NOT NULL,
  name millrace.name NOT NULL, -- the key, short enough for an index
  key millrace.name NOT NULL, at float8 NOT NULL, place bigint NOT NULL, command text NOT NULL,
  PRIMARY KEY (tenant, run, name)
);
CREATE INDEX due_by_time ON millrace.due (at, place);

CREATE TABLE millrace.waits (
  run bigint NOT NULL, id millrace.name NOT NULL, tenant millrace.name NOT NULL, kind millrace.name NOT NULL,
  workflow millrace.name NOT NULL,
  owner millrace.name, requested_at float8 NOT NULL,
  text text NOT NULL, -- the row as JSON
  PRIMARY KEY (run, id)
);
CREATE INDEX waits_by_age ON millrace.waits (tenant, requested_at);
CREATE INDEX waits_by_owner ON millrace.waits (tenant, owner, requested_at) WHERE owner IS NOT NULL;

CREATE TABLE millrace.documents (
  tenant millrace.name NOT NULL, kb millrace.name NOT NULL, id millrace.name NOT NULL, status millrace.name NOT NULL,
  at float8 NOT NULL,
  bytes bigint, chunks bigint NOT NULL, embeddings bigint NOT NULL,
  text text NOT NULL, -- the row as JSON; bytes may be known from an earlier one
  PRIMARY KEY (tenant, kb, id)
);

CREATE TABLE millrace.schedules (
  tenant millrace.name NOT NULL, id millrace.name NOT NULL, text text NOT NULL, -- the row as JSON
  PRIMARY KEY (tenant, id)
);

CREATE TABLE millrace.grants (
  tenant millrace.name NOT NULL, id millrace.name NOT NULL, run millrace.name, expires float8 NOT NULL, ended_at float8,
  text text NOT NULL, -- the row as JSON, without its end
  PRIMARY KEY (tenant, id)
);
CREATE INDEX grants_by_run ON millrace.grants (tenant, run) WHERE run IS NOT NULL;

CREATE TABLE millrace.deleted (
  run bigint PRIMARY KEY,
  remaining bigint NOT NULL -- events that are still to be removed: those up to this seq
);

CREATE TABLE millrace.definitions (
  tenant millrace.name NOT NULL, name millrace.name NOT NULL, hash millrace.name NOT NULL, place bigint NOT NULL,
  at float8 NOT NULL,
  text text NOT NULL, PRIMARY KEY (tenant, name, hash)
);
CREATE INDEX definitions_by_place ON millrace.definitions (tenant, name, place DESC);

CREATE TABLE millrace.blobs (
  tenant millrace.name NOT NULL, sha256 millrace.name NOT NULL, bytes bigint NOT NULL, type millrace.name NOT NULL,
  data bytea NOT NULL, PRIMARY KEY (tenant, sha256)
);
ALTER TABLE millrace.blobs ALTER COLUMN data SET STORAGE EXTERNAL; -- most are compressed already
`;
