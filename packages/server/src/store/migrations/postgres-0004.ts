/**
 * Fewer index entries: they were most of what a job cost. Both updates of a job enter its summary anew into every index
 * of summaries. So a tenant's runs are listed by public status, and a list of all is merged from those; silence is not
 * looked for among what our workers are running. Of a log, the first 256 events are looked through for control events.
 *
 * While the indexes are built, those who append wait, and nobody else. Where that would take long, they are built before:
 * with CONCURRENTLY, those of summaries under these names, that of events on each partition, which is then taken for it.
 */
export const postgres0004 = `
-- In the order of a commit, which waits for one of them while it holds the other.
LOCK TABLE millrace.events, millrace.summaries IN SHARE MODE;
CREATE INDEX IF NOT EXISTS summaries_by_shown ON millrace.summaries (shown, tenant, (-run));
CREATE INDEX IF NOT EXISTS summaries_silent ON millrace.summaries (status, at) WHERE status <> 'running' OR external;
CREATE INDEX IF NOT EXISTS events_control_late ON millrace.events (run, seq) WHERE control AND seq > 256;

DROP INDEX millrace.events_control;
DROP INDEX millrace.summaries_by_tenant, millrace.summaries_by_status, millrace.summaries_by_silence;
ALTER TABLE millrace.summaries SET (fillfactor = 50);
ALTER TABLE millrace.runs SET (fillfactor = 45);
`;
