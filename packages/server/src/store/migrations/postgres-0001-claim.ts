/**
 * What may be claimed. Functions, because their plans are kept: to plan one of these takes longer than to carry it out.
 */
const walk = (which: string) => `
    SELECT w.* FROM jsonb_to_recordset(p_asked) AS a(task text, versions jsonb) CROSS JOIN LATERAL (
      SELECT q.run, q.node, q.place, q.priority FROM millrace.queue q
      WHERE ${which} AND q.gate IS NULL AND q.tenant = p_tenant AND q.task = a.task AND q.at <= p_now
        AND (q.version IS NULL OR a.versions ? q.version) AND (p_queues IS NULL OR q.queue = ANY (p_queues))
        AND (q.offered_to IS NULL OR q.offered_to = p_server OR q.offered_until <= p_now)
      ORDER BY q.priority DESC, q.place LIMIT p_limit FOR UPDATE SKIP LOCKED
    ) AS w`;

const CLAIMED = `place bigint, tenant millrace.name, run millrace.name, node millrace.name, task millrace.name,
  version millrace.name, queue millrace.name, priority bigint, at float8`;
const FIELDS = 'q.place, q.tenant, r.run, q.node, q.task, q.version, q.queue, q.priority, q.at';

export const postgres0001claim = `
-- Two walks, so that a claim steps over no row that is delayed. What is found is offered to p_server for p_offer ms:
-- others get the next rows, and nobody waits for anybody. A row that is neither claimed nor asked for again is free
-- when that is over. Losing an offer in a crash of Postgres costs nothing, so nobody waits for a disk either.
CREATE FUNCTION millrace.claimable_1(
  p_tenant text, p_asked jsonb, p_queues text[], p_now float8, p_limit bigint, p_server text, p_offer bigint
) RETURNS TABLE (${CLAIMED}, gated boolean) LANGUAGE plpgsql VOLATILE
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
    WHERE q.run = f.run AND q.node = f.node
      AND (q.offered_to IS DISTINCT FROM p_server OR q.offered_until <= p_now + p_offer / 2)
  )
  SELECT ${FIELDS}, false FROM found f
  JOIN millrace.queue q ON q.run = f.run AND q.node = f.node JOIN millrace.runs r ON r.id = q.run;
  IF EXISTS (
    SELECT 1 FROM jsonb_to_recordset(p_asked) AS a(task text)
    JOIN millrace.queue q ON q.tenant = p_tenant AND q.task = a.task AND q.gate IS NOT NULL
  ) THEN
    RETURN QUERY SELECT NULL::bigint, NULL::millrace.name, NULL::millrace.name, NULL::millrace.name,
      NULL::millrace.name, NULL::millrace.name, NULL::millrace.name, NULL::bigint, NULL::float8, true;
  END IF;
END $$;

-- Rows of every open gate, as many as may be given of each, with what is taken of what they wait for.
CREATE FUNCTION millrace.claimable_gated_1(
  p_tenant text, p_asked jsonb, p_queues text[], p_now float8, p_limit bigint
) RETURNS TABLE (${CLAIMED}, gates text, used float8[], started bigint) LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH RECURSIVE gate AS (
    SELECT a.task, a.versions, (
      SELECT min(q.gate) FROM millrace.queue q WHERE q.tenant = p_tenant AND q.task = a.task AND q.gate IS NOT NULL
    ) AS gate FROM jsonb_to_recordset(p_asked) AS a(task text, versions jsonb)
    UNION ALL
    SELECT g.task, g.versions, (
      SELECT min(q.gate) FROM millrace.queue q WHERE q.tenant = p_tenant AND q.task = g.task AND q.gate > g.gate
    ) FROM gate g WHERE g.gate IS NOT NULL
  )
  SELECT ${FIELDS}, q.gates, taken.used, taken.started
  FROM gate a
  CROSS JOIN LATERAL (
    SELECT o.queue, o.slots, o.limits, o.rate, o.rate_limit, o.rate_per FROM millrace.queue o
    WHERE o.tenant = p_tenant AND o.task = a.task AND o.gate = a.gate LIMIT 1
  ) AS about
  CROSS JOIN LATERAL (
    SELECT
      ARRAY(
        SELECT coalesce(k.used, 0) FROM unnest(about.slots) WITH ORDINALITY AS s(key, n)
        LEFT JOIN millrace.slots k ON k.tenant = p_tenant AND k.queue = about.queue AND k.key = s.key ORDER BY s.n
      )::float8[] AS used,
      (
        SELECT count(*) FROM millrace.starts k
        WHERE k.tenant = p_tenant AND k.queue = about.queue AND k.key = about.rate AND k.at > p_now - about.rate_per
      ) AS started
  ) AS taken
  CROSS JOIN LATERAL (
    SELECT q.* FROM millrace.queue q
    WHERE q.gate = a.gate AND q.tenant = p_tenant AND q.task = a.task AND q.at <= p_now
      AND (q.version IS NULL OR a.versions ? q.version) AND (p_queues IS NULL OR q.queue = ANY (p_queues))
    ORDER BY q.priority DESC, q.place LIMIT p_limit
  ) AS q
  JOIN millrace.runs r ON r.id = q.run
  WHERE NOT EXISTS (SELECT 1 FROM unnest(taken.used, about.limits) AS s(used, most) WHERE s.used >= s.most)
    AND (about.rate IS NULL OR taken.started < about.rate_limit);
END $$;
`;
