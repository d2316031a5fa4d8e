/**
 * A batch in one statement. At READ COMMITTED each statement of a function sees what was committed before it began:
 * once the runs are locked, everything that belongs to them stands still, and is read as it is. Nothing is locked
 * between round trips, so a server that stops in the middle of a batch holds nobody up.
 *
 * Order of locks: runs, leases, unique keys, slots, grants, queue, due, waits, documents; each by key.
 *
 * Parts are counted from 1. `p_rest` holds what few parts have, as rows {part, …}. Plans must not depend on how full
 * the tables were when a connection saw them first, hence the settings.
 */
export const postgres0001commit = `
CREATE FUNCTION millrace.commit_1(
  p_server text, p_n bigint, p_at bigint,
  p_tenants text[], p_runs text[],
  p_fences bigint[], -- the ctl that was decided on; -1 = the run is new
  p_counts bigint[], -- events of the part
  p_controls bigint[], -- place of its last control event, from 1; 0 = none
  p_ends bigint[], -- 1 = the run ends
  p_event_parts bigint[], p_event_places bigint[], p_event_controls bigint[], p_event_texts text[],
  p_producer_parts bigint[], p_producers text[], p_terms bigint[], p_sequences bigint[],
  p_was_terms bigint[], p_was_sequences bigint[], -- -1 = there was none
  p_lasts bigint[], -- place of its last event, from 0
  p_rest jsonb
) RETURNS json LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
DECLARE
  v_ids bigint[]; -- the run's number; 0 = the part drops out
  v_heads bigint[];
  v_firsts bigint[];
  v_ats bigint[];
  v_reasons text[];
  v_made record;
BEGIN
  WITH locked AS MATERIALIZED (
    SELECT k.part, r.id, r.head, r.ctl, r.at, r.ended, r.gone
    FROM unnest(p_tenants, p_runs, p_fences) WITH ORDINALITY AS k(tenant, run, fence, part)
    JOIN millrace.runs r ON r.tenant = k.tenant AND r.run = k.run
    WHERE k.fence >= 0 ORDER BY r.id FOR UPDATE OF r
  )
  SELECT
    array_agg(coalesce(l.id, 0) ORDER BY k.part),
    array_agg(coalesce(l.head, 0) ORDER BY k.part),
    array_agg(greatest(l.at, p_at) ORDER BY k.part),
    array_agg(CASE
      WHEN k.fence < 0 THEN 'exists'
      WHEN l.id IS NULL OR l.gone THEN 'missing'
      WHEN l.ended THEN 'ended'
      WHEN l.ctl <> k.fence THEN 'conflict'
    END ORDER BY k.part)
  INTO v_ids, v_heads, v_ats, v_reasons
  FROM unnest(p_fences) WITH ORDINALITY AS k(fence, part) LEFT JOIN locked l ON l.part = k.part;

  IF -1 = ANY (p_fences) THEN
    FOR v_made IN
      WITH numbered AS MATERIALIZED (
        SELECT millrace.run_number() AS id, k.tenant, k.run, k.part
        FROM unnest(p_tenants, p_runs, p_fences) WITH ORDINALITY AS k(tenant, run, fence, part)
        WHERE k.fence < 0 ORDER BY k.part
      ), made AS (
        INSERT INTO millrace.runs (id, tenant, run) SELECT id, tenant, run FROM numbered ORDER BY tenant, run
        ON CONFLICT DO NOTHING RETURNING id
      )
      SELECT n.part, n.id FROM numbered n WHERE n.id IN (SELECT m.id FROM made m)
    LOOP
      v_ids[v_made.part] := v_made.id;
      v_reasons[v_made.part] := NULL;
    END LOOP;
  END IF;

  IF p_rest ?| '{expired,release,lease}' THEN
    v_reasons := millrace.commit_leases_1(v_ids, v_reasons, p_rest);
  END IF;
  IF cardinality(p_producers) > 0 THEN
    FOR v_made IN
      SELECT m.part
      FROM unnest(p_producer_parts, p_producers, p_was_terms, p_was_sequences) AS m(part, id, term, sequence)
      LEFT JOIN millrace.producers p ON p.run = v_ids[m.part] AND p.id = m.id
      WHERE coalesce(p.term, -1) <> m.term OR coalesce(p.sequence, -1) <> m.sequence
    LOOP
      v_reasons[v_made.part] := coalesce(v_reasons[v_made.part], 'producer');
    END LOOP;
  END IF;
  IF p_rest ?| '{unique,slots,starts,spend}' THEN
    v_reasons := millrace.commit_gates_1(p_tenants, v_ids, v_reasons, p_rest);
  END IF;

  IF -1 = ANY (p_fences) THEN
    DELETE FROM millrace.runs r USING unnest(v_ids, v_reasons, p_fences) AS k(id, reason, fence)
    WHERE r.id = k.id AND k.fence < 0 AND k.reason IS NOT NULL;
  END IF;
  SELECT
    array_agg(CASE WHEN k.reason IS NULL THEN k.id ELSE 0 END ORDER BY k.part),
    array_agg(k.head + 1 ORDER BY k.part),
    array_agg(k.head + k.count ORDER BY k.part)
  INTO v_ids, v_firsts, v_heads
  FROM unnest(v_ids, v_reasons, v_heads, p_counts) WITH ORDINALITY AS k(id, reason, head, count, part);

  UPDATE millrace.runs r SET
    head = k.head, at = k.at, ended = k.ends = 1,
    ctl = CASE WHEN k.control > 0 THEN k.first - 1 + k.control ELSE r.ctl END
  FROM unnest(v_ids, v_firsts, v_heads, v_ats, p_controls, p_ends) AS k(id, first, head, at, control, ends)
  WHERE r.id = k.id;

  INSERT INTO millrace.events (run, seq, control, text)
  SELECT
    v_ids[e.part], v_firsts[e.part] - 1 + e.place, e.control = 1,
    '{"seq":' || (v_firsts[e.part] - 1 + e.place) || ',"at":' || v_ats[e.part] || ',' || e.text
  FROM unnest(p_event_parts, p_event_places, p_event_controls, p_event_texts) AS e(part, place, control, text)
  WHERE v_ids[e.part] > 0;

  IF cardinality(p_producers) > 0 THEN
    INSERT INTO millrace.producers (run, id, term, sequence, seq)
    SELECT DISTINCT ON (m.part, m.id) v_ids[m.part], m.id, m.term, m.sequence, v_firsts[m.part] + m.last
    FROM unnest(p_producer_parts, p_producers, p_terms, p_sequences, p_lasts)
      WITH ORDINALITY AS m(part, id, term, sequence, last, n)
    WHERE v_ids[m.part] > 0 ORDER BY m.part, m.id, m.n DESC
    ON CONFLICT (run, id) DO UPDATE
    SET term = excluded.term, sequence = excluded.sequence, seq = excluded.seq;
  END IF;
  IF p_rest IS NOT NULL THEN
    PERFORM millrace.commit_rows_1(p_at, p_tenants, p_runs, v_ids, v_ats, p_rest);
  END IF;

  -- Where the batch is there already this fails, and everything above never was.
  INSERT INTO millrace.commits (server, n, at, runs, firsts, heads, ats, reasons)
  VALUES (p_server, p_n, p_at, coalesce(v_ids, '{}'), coalesce(v_firsts, '{}'), coalesce(v_heads, '{}'),
    coalesce(v_ats, '{}'), coalesce(v_reasons, '{}'));
  IF p_n % 500 = 0 THEN
    DELETE FROM millrace.commits c WHERE c.server = p_server AND c.n <= p_n - 10000;
  END IF;
  RETURN json_build_object('firsts', v_firsts, 'ats', v_ats, 'reasons', v_reasons);
END $$;
`;
