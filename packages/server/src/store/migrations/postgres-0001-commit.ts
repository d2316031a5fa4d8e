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
  v_run record;
BEGIN
  v_ids := array_fill(0::bigint, ARRAY[cardinality(p_fences)]);
  v_heads := v_ids;
  v_ats := array_fill(p_at, ARRAY[cardinality(p_fences)]);
  v_reasons := array_fill('missing'::text, ARRAY[cardinality(p_fences)]);
  FOR v_run IN
    SELECT k.part, r.id, r.head, greatest(r.at, p_at) AS at, CASE
      WHEN r.gone THEN 'missing' WHEN r.ended THEN 'ended' WHEN r.ctl <> k.fence THEN 'conflict' END AS reason
    FROM unnest(p_tenants, p_runs, p_fences) WITH ORDINALITY AS k(tenant, run, fence, part)
    JOIN millrace.runs r ON r.tenant = k.tenant AND r.run = k.run
    WHERE k.fence >= 0 ORDER BY r.id FOR UPDATE OF r
  LOOP
    v_ids[v_run.part] := v_run.id;
    v_heads[v_run.part] := v_run.head;
    v_ats[v_run.part] := v_run.at;
    v_reasons[v_run.part] := v_run.reason;
  END LOOP;

  IF -1 = ANY (p_fences) THEN
    FOR v_run IN
      WITH numbered AS MATERIALIZED (
        SELECT millrace.run_number() AS id, k.tenant, k.run, k.head, k.ctl, k.ends = 1 AS ended, k.part
        FROM unnest(p_tenants, p_runs, p_fences, p_counts, p_controls, p_ends)
          WITH ORDINALITY AS k(tenant, run, fence, head, ctl, ends, part)
        WHERE k.fence < 0 ORDER BY k.part
      ), made AS (
        INSERT INTO millrace.runs (id, tenant, run, head, ctl, at, ended)
        SELECT id, tenant, run, head, ctl, p_at, ended FROM numbered ORDER BY tenant, run
        ON CONFLICT DO NOTHING RETURNING id
      )
      SELECT n.part, n.id, n.id IN (SELECT m.id FROM made m) AS made FROM numbered n
    LOOP
      v_ids[v_run.part] := v_run.id;
      v_reasons[v_run.part] := CASE WHEN NOT v_run.made THEN 'exists' END;
    END LOOP;
  END IF;

  IF p_rest ?| '{expired,release,lease}' THEN
    v_reasons := millrace.commit_leases_1(v_ids, v_reasons, p_rest);
  END IF;
  IF cardinality(p_producers) > 0 THEN
    FOR v_run IN
      SELECT m.part
      FROM unnest(p_producer_parts, p_producers, p_was_terms, p_was_sequences) AS m(part, id, term, sequence)
      LEFT JOIN millrace.producers p ON p.run = v_ids[m.part] AND p.id = m.id
      WHERE coalesce(p.term, -1) <> m.term OR coalesce(p.sequence, -1) <> m.sequence
    LOOP
      v_reasons[v_run.part] := coalesce(v_reasons[v_run.part], 'producer');
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
    array_agg(CASE WHEN k.reason IS NULL THEN k.id ELSE 0 END), array_agg(k.head + 1), array_agg(k.head + k.count)
  INTO v_ids, v_firsts, v_heads
  FROM unnest(v_ids, v_reasons, v_heads, p_counts) AS k(id, reason, head, count);

  UPDATE millrace.runs r SET
    head = k.head, at = k.at, ended = k.ends = 1,
    ctl = CASE WHEN k.control > 0 THEN k.first - 1 + k.control ELSE r.ctl END
  FROM unnest(v_ids, v_firsts, v_heads, v_ats, p_fences, p_controls, p_ends)
    AS k(id, first, head, at, fence, control, ends)
  WHERE r.id = k.id AND k.fence >= 0;

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
