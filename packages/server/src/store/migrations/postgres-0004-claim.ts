/**
 * What `claimable_1` and `commit_hold_2` did, by statements whose plans do not turn when a table is empty at the moment
 * that they are made: a queue that is worked off, and leases, nearly always are when Postgres looks. Such a plan began
 * with the table, and looked through all of it for each of the rows that were asked for. What follows `OFFSET 0` is
 * carried out for each row before it.
 */
const walk = (which: string) => `
    SELECT w.* FROM jsonb_to_recordset(p_asked) AS a(task text, versions jsonb) CROSS JOIN LATERAL (
      SELECT q.run, q.node, q.place, q.priority FROM millrace.queue q
      WHERE ${which} AND q.gate IS NULL AND q.tenant = p_tenant AND q.task = a.task AND q.at <= p_now
        AND (q.version IS NULL OR a.versions ? q.version) AND (p_queues IS NULL OR q.queue = ANY (p_queues))
        AND (q.offered_to IS NULL OR q.offered_to = p_server OR q.offered_until <= p_now)
      ORDER BY q.priority DESC, q.place LIMIT p_limit FOR UPDATE SKIP LOCKED
    ) AS w`;

export const postgres0004claim = `
CREATE OR REPLACE FUNCTION millrace.claimable_1(
  p_tenant text, p_asked jsonb, p_queues text[], p_now float8, p_limit bigint, p_server text, p_offer bigint
) RETURNS TABLE (
  place bigint, tenant millrace.name, run millrace.name, node millrace.name, task millrace.name,
  version millrace.name, queue millrace.name, priority bigint, at float8, gated boolean
) LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  RETURN QUERY
  WITH ready AS (${walk('NOT q.delayed')}
  ), late AS (${walk('q.delayed')}
  ), found AS (
    SELECT f.run, f.node FROM (SELECT * FROM ready UNION ALL SELECT * FROM late) AS f
    ORDER BY f.priority DESC, f.place LIMIT p_limit
  ), offered AS (
    UPDATE millrace.queue q SET offered_to = p_server, offered_until = p_now + p_offer FROM found f
    WHERE q.run = ANY (ARRAY[f.run]) AND q.node = f.node
      AND (q.offered_to IS DISTINCT FROM p_server OR q.offered_until <= p_now + p_offer / 2)
  )
  SELECT c.*, false FROM found f CROSS JOIN LATERAL (
    SELECT q.place, q.tenant, r.run, q.node, q.task, q.version, q.queue, q.priority, q.at
    FROM millrace.queue q JOIN millrace.runs r ON r.id = q.run WHERE q.run = f.run AND q.node = f.node OFFSET 0
  ) AS c;
  IF EXISTS (
    SELECT 1 FROM jsonb_to_recordset(p_asked) AS a(task text)
    JOIN millrace.queue q ON q.tenant = p_tenant AND q.task = a.task AND q.gate IS NOT NULL
  ) THEN
    RETURN QUERY SELECT NULL::bigint, NULL::millrace.name, NULL::millrace.name, NULL::millrace.name,
      NULL::millrace.name, NULL::millrace.name, NULL::millrace.name, NULL::bigint, NULL::float8, true;
  END IF;
END $$;

CREATE OR REPLACE FUNCTION millrace.commit_hold_2(p_ids bigint[], p_parts bigint[], p_nodes text[], p_rest jsonb)
RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  PERFORM 1 FROM millrace.leases l
  JOIN (
    SELECT p_ids[t.part] AS run, t.node FROM unnest(p_parts, p_nodes) AS t(part, node)
    UNION
    SELECT p_ids[t.part], t.node FROM jsonb_to_recordset(p_rest->'expired') AS t(part int, node text)
  ) AS t ON l.run = ANY (ARRAY[t.run]) AND l.node = t.node
  ORDER BY l.run, l.node FOR UPDATE OF l;
END $$;
`;
