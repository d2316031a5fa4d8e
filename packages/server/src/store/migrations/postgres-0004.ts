/**
 * Fewer index entries: what a job writes into indexes was most of what it cost. Of summaries, which both updates of a
 * job enter anew into every index, lists of a tenant are merged from those of its public statuses; silence is not looked
 * for among the runs of our workers that are running. Of a log, the head is looked through for control events.
 *
 * Building them locks the appends out (SHARE). Where that would take long, they are built before, with the same names
 * and CONCURRENTLY; the one of events on each partition, under any name: it is then taken for the partition's.
 */
export const postgres0004 = `
CREATE INDEX IF NOT EXISTS summaries_by_shown ON millrace.summaries (shown, tenant, (-run));
CREATE INDEX IF NOT EXISTS summaries_silent ON millrace.summaries (status, at) WHERE status <> 'running' OR external;
DROP INDEX millrace.summaries_by_tenant, millrace.summaries_by_status, millrace.summaries_by_silence;
ALTER TABLE millrace.summaries SET (fillfactor = 50);
ALTER TABLE millrace.runs SET (fillfactor = 45);

CREATE INDEX IF NOT EXISTS events_control_late ON millrace.events (run, seq) WHERE control AND seq > 256;
DROP INDEX millrace.events_control;
`;
