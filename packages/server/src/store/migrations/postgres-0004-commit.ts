/**
 * A batch in one statement, as `commit_2` does it, with less to do where its parts have only what most have: new runs are
 * not moved, and queue rows without a gate are columns. Rows are inserted as new ones; where one is there already, its
 * unique key fails all of it, and the same batch comes once more, `p_careful`, as where a producer contradicts.
 *
 * `= ANY (ARRAY[…])` is an equality that Postgres does not know how to merge by. So whatever it believes of a table's
 * size, its plan begins with the batch's rows and finds each by the index.
 *
 * Order of locks: as in `commit_2`. Leases are locked by what deletes them, in the order of whoever renews them.
 */
const made = `INSERT INTO millrace.runs (id, tenant, run, head, ctl, at, ended)
        SELECT k.id, k.tenant, k.run, k.count, k.control, p_at, k.ends = 1
        FROM unnest(v_ids, p_tenants, p_runs, p_fences, p_counts, p_controls, p_ends)
          AS k(id, tenant, run, fence, count, control, ends)
        WHERE k.fence < 0 ORDER BY k.tenant, k.run`;

export const postgres0004commit = `
CREATE FUNCTION millrace.commit_4(
  p_server text, p_n bigint, p_at bigint, p_careful boolean,
  p_ids bigint[], -- the run's number; 0 = it is new, or its number is not known
  p_tenants text[], p_runs text[], -- empty where the number is known and nothing else asks for them
  p_fences bigint[], -- the ctl that was decided on; -1 = the run is new
  p_counts bigint[], -- events of the part
  p_controls bigint[], -- place of its last control event, from 1; 0 = none
  p_ends bigint[], -- 1 = the run ends
  p_event_parts bigint[], p_event_places bigint[], p_event_controls bigint[], p_event_texts text[],
  p_producer_parts bigint[], p_producers text[], p_terms bigint[], p_sequences bigint[],
  p_was_terms bigint[], p_was_sequences bigint[], -- -1 = there was none
  p_lasts bigint[], -- place of its last event, from 0
  p_row_parts bigint[], p_statuses text[], p_shown text[], p_texts text[],
  p_workflows text[], -- null = the run has its row, which changes; all that follows stays
  p_owners text[], p_queues text[], p_externals bigint[], p_tags text[],
  p_dequeue_parts bigint[], p_dequeue_nodes text[],
  p_release_parts bigint[], p_release_nodes text[],
  p_lease_parts bigint[], p_lease_nodes text[], p_attempts bigint[], p_workers text[], p_boots text[],
  p_expires float8[],
  p_queue_parts bigint[], p_queue_nodes text[], p_tasks text[], p_versions text[], p_queue_names text[],
  p_priorities bigint[], p_queue_ats float8[], -- rows without a gate
  p_rest jsonb
) RETURNS json LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
DECLARE
  v_ids bigint[] := p_ids; -- 0 = the part drops out
  v_reasons text[] := array_fill(NULL::text, ARRAY[cardinality(p_ids)]);
  v_judged boolean := coalesce(p_careful OR p_rest ?| '{expired,unique,slots,starts,spend}', false);
  v_new bigint := 0;
  v_parts bigint[];
  v_befores bigint[]; -- the head before
  v_heads bigint[];
  v_ats bigint[];
  v_run record;
BEGIN
  IF 0 = ANY (p_ids) THEN
    SELECT array_agg(k.id), count(*) FILTER (WHERE k.fence < 0) INTO v_ids, v_new
    FROM (
      SELECT k.fence, CASE WHEN k.fence < 0 THEN millrace.run_number() WHEN k.id > 0 THEN k.id ELSE coalesce(
        (SELECT r.id FROM millrace.runs r WHERE r.tenant = k.tenant AND r.run = k.run), 0) END AS id
      FROM unnest(p_ids, p_tenants, p_runs, p_fences) WITH ORDINALITY AS k(id, tenant, run, fence, part) ORDER BY k.part
    ) AS k;
    IF v_new > 0 THEN
      IF p_careful THEN
        ${made} ON CONFLICT DO NOTHING;
        FOR v_run IN
          SELECT k.part FROM unnest(v_ids, p_fences) WITH ORDINALITY AS k(id, fence, part)
          LEFT JOIN millrace.runs r ON r.id = k.id WHERE k.fence < 0 AND r.id IS NULL
        LOOP
          v_reasons[v_run.part] := 'exists';
        END LOOP;
      ELSE
        ${made};
      END IF;
    END IF;
  END IF;

  IF v_judged THEN
    v_reasons := millrace.commit_judge_2(p_tenants, v_ids, v_reasons, p_fences, p_producer_parts, p_producers,
      p_was_terms, p_was_sequences, p_lease_parts || p_release_parts, p_lease_nodes || p_release_nodes, p_rest);
  END IF;
  IF array_remove(v_reasons, NULL) <> '{}' THEN
    DELETE FROM millrace.runs r USING unnest(v_ids, v_reasons, p_fences) AS k(id, reason, fence)
    WHERE r.id = k.id AND k.fence < 0 AND k.reason IS NOT NULL;
    SELECT array_agg(CASE WHEN k.reason IS NULL THEN k.id ELSE 0 END ORDER BY k.part) INTO v_ids
    FROM unnest(v_ids, v_reasons) WITH ORDINALITY AS k(id, reason, part);
  END IF;

  IF v_new = cardinality(v_ids) AND 0 <> ALL (v_ids) THEN
    v_befores := array_fill(0::bigint, ARRAY[cardinality(v_ids)]);
    v_heads := p_counts;
    v_ats := array_fill(p_at, ARRAY[cardinality(v_ids)]);
  ELSE
    WITH moved AS (
      UPDATE millrace.runs r SET
        head = r.head + k.count, at = greatest(r.at, p_at), ended = k.ends = 1,
        ctl = CASE WHEN k.control > 0 THEN r.head + k.control ELSE r.ctl END
      FROM (
        SELECT * FROM unnest(v_ids, p_fences, p_counts, p_controls, p_ends)
          WITH ORDINALITY AS k(id, fence, count, control, ends, part)
        WHERE k.id > 0 AND k.fence >= 0 ORDER BY k.id
      ) AS k
      WHERE r.id = ANY (ARRAY[k.id]) AND r.ctl = k.fence AND NOT r.ended AND NOT r.gone
      RETURNING k.part, r.head - k.count AS before, r.head, r.at
    ), there AS (
      SELECT m.part, m.before, m.head, m.at FROM moved m
      UNION ALL
      SELECT k.part, 0, k.count, p_at
      FROM unnest(v_ids, p_fences, p_counts) WITH ORDINALITY AS k(id, fence, count, part)
      WHERE v_new > 0 AND k.id > 0 AND k.fence < 0
      ORDER BY 1
    )
    SELECT array_agg(t.part), array_agg(t.before), array_agg(t.head), array_agg(t.at)
    INTO v_parts, v_befores, v_heads, v_ats FROM there t;
    IF coalesce(cardinality(v_parts), 0) < cardinality(p_ids) THEN
      SELECT array_agg(k.before), array_agg(k.head), array_agg(k.at) INTO v_befores, v_heads, v_ats
      FROM (
        SELECT sum(k.before)::bigint AS before, sum(k.head)::bigint AS head, sum(k.at)::bigint AS at
        FROM (
          SELECT * FROM unnest(v_parts, v_befores, v_heads, v_ats) AS t(part, before, head, at)
          UNION ALL SELECT k.part, NULL, NULL, NULL FROM unnest(p_ids) WITH ORDINALITY AS k(id, part)
        ) AS k GROUP BY k.part ORDER BY k.part
      ) AS k;
      FOR v_run IN
        SELECT k.part, CASE WHEN r.id IS NULL OR r.gone THEN 'missing' WHEN r.ended THEN 'ended' ELSE 'conflict' END AS reason
        FROM unnest(v_ids, v_heads, v_reasons) WITH ORDINALITY AS k(id, head, reason, part)
        LEFT JOIN millrace.runs r ON r.id = k.id WHERE k.head IS NULL AND k.reason IS NULL
      LOOP
        v_ids[v_run.part] := 0;
        v_reasons[v_run.part] := v_run.reason;
      END LOOP;
    END IF;
  END IF;

  IF cardinality(p_producers) > 0 THEN
    IF v_judged THEN
      PERFORM millrace.commit_producers_2(true, v_ids, v_befores, p_producer_parts, p_producers, p_terms,
        p_sequences, p_was_terms, p_was_sequences, p_lasts);
    ELSE
      PERFORM millrace.commit_producers_4(v_ids, v_befores, p_producer_parts, p_producers, p_terms,
        p_sequences, p_was_terms, p_was_sequences, p_lasts);
    END IF;
  END IF;

  INSERT INTO millrace.events (run, seq, control, text)
  SELECT
    v_ids[e.part], v_befores[e.part] + e.place, e.control = 1,
    '{"seq":' || (v_befores[e.part] + e.place) || ',"at":' || v_ats[e.part] || ',' || e.text
  FROM unnest(p_event_parts, p_event_places, p_event_controls, p_event_texts) AS e(part, place, control, text)
  WHERE v_ids[e.part] > 0;

  IF v_new > 0 THEN
    INSERT INTO millrace.summaries (run, tenant, owner, workflow, queue, status, shown, external, at, tags, text)
    SELECT v_ids[r.part], p_tenants[r.part], r.owner, r.workflow, r.queue, r.status, r.shown, r.external = 1,
      v_ats[r.part], coalesce(r.tags::text[], '{}'), r.text
    FROM unnest(p_row_parts, p_statuses, p_shown, p_texts, p_workflows, p_owners, p_queues, p_externals, p_tags)
      AS r(part, status, shown, text, workflow, owner, queue, external, tags)
    WHERE r.workflow IS NOT NULL AND v_ids[r.part] > 0;
    IF cardinality(p_tags) > 0 THEN
      INSERT INTO millrace.tags (tenant, tag, run)
      SELECT p_tenants[r.part], t.tag, v_ids[r.part]
      FROM unnest(p_row_parts, p_tags) AS r(part, tags), unnest(r.tags::text[]) AS t(tag) WHERE v_ids[r.part] > 0;
    END IF;
  END IF;
  IF array_position(p_workflows, NULL) IS NOT NULL THEN
    UPDATE millrace.summaries s SET
      status = r.status, shown = r.shown, text = r.text, at = CASE
        WHEN p_ends[r.part] = 1 OR r.status <> s.status OR r.shown <> s.shown THEN v_ats[r.part] ELSE s.at END
    FROM unnest(p_row_parts, p_statuses, p_shown, p_texts, p_workflows) AS r(part, status, shown, text, workflow)
    WHERE r.workflow IS NULL AND s.run = ANY (ARRAY[v_ids[r.part]]);
  END IF;
  IF cardinality(p_dequeue_parts) > 0 THEN
    DELETE FROM millrace.queue q USING unnest(p_dequeue_parts, p_dequeue_nodes) AS d(part, node)
    WHERE q.run = ANY (ARRAY[v_ids[d.part]]) AND q.node = d.node;
  END IF;
  IF cardinality(p_release_parts) > 0 THEN
    DELETE FROM millrace.leases l USING (
      SELECT v_ids[r.part] AS run, r.node FROM unnest(p_release_parts, p_release_nodes) AS r(part, node) ORDER BY 1, 2
    ) AS r WHERE l.run = ANY (ARRAY[r.run]) AND l.node = r.node;
  END IF;
  IF p_careful THEN
    DELETE FROM millrace.leases l USING unnest(p_lease_parts, p_lease_nodes) AS t(part, node)
    WHERE l.run = ANY (ARRAY[v_ids[t.part]]) AND l.node = t.node;
    DELETE FROM millrace.queue q USING unnest(p_queue_parts, p_queue_nodes) AS t(part, node)
    WHERE q.run = ANY (ARRAY[v_ids[t.part]]) AND q.node = t.node;
  END IF;
  IF cardinality(p_lease_parts) > 0 THEN
    INSERT INTO millrace.leases (run, node, attempt, worker, boot, expires)
    SELECT DISTINCT ON (v_ids[l.part], l.node) v_ids[l.part], l.node, l.attempt, l.worker, l.boot, l.expires
    FROM unnest(p_lease_parts, p_lease_nodes, p_attempts, p_workers, p_boots, p_expires)
      WITH ORDINALITY AS l(part, node, attempt, worker, boot, expires, n)
    WHERE v_ids[l.part] > 0 ORDER BY v_ids[l.part], l.node, l.n DESC;
  END IF;
  IF p_rest IS NOT NULL THEN
    PERFORM millrace.commit_rows_1(p_at, p_tenants, p_runs, v_ids, v_ats, p_rest);
  END IF;
  IF cardinality(p_queue_parts) > 0 THEN
    INSERT INTO millrace.queue (place, run, tenant, node, task, version, queue, priority, at, delayed)
    SELECT nextval('millrace.place'), v_ids[e.part], p_tenants[e.part], e.node, e.task, e.version, e.queue, e.priority,
      e.at, e.at > p_at
    FROM (
      SELECT DISTINCT ON (e.part, e.node) e.*
      FROM unnest(p_queue_parts, p_queue_nodes, p_tasks, p_versions, p_queue_names, p_priorities, p_queue_ats)
        WITH ORDINALITY AS e(part, node, task, version, queue, priority, at, n)
      WHERE v_ids[e.part] > 0 ORDER BY e.part, e.node, e.n DESC
    ) AS e ORDER BY e.n;
  END IF;

  -- What says nothing is kept as an empty list.
  IF p_at = ALL (v_ats) THEN
    v_ats := '{}';
  END IF;
  IF array_remove(v_reasons, NULL) = '{}' THEN
    v_reasons := '{}';
  END IF;
  -- Where the batch is there already this fails, and everything above never was.
  INSERT INTO millrace.commits (server, n, at, runs, firsts, heads, ats, reasons)
  VALUES (p_server, p_n, p_at, coalesce(v_ids, '{}'), '{}', coalesce(v_heads, '{}'), coalesce(v_ats, '{}'), v_reasons);
  IF p_n % 500 = 0 THEN
    DELETE FROM millrace.commits c WHERE c.server = p_server AND c.n <= p_n - 10000;
  END IF;
  RETURN json_build_object('heads', v_heads, 'ats', v_ats, 'reasons', v_reasons,
    'ids', CASE WHEN 0 = ANY (p_ids) THEN v_ids::text[] END);
END $$;

-- Moves the producers of a batch that nobody has judged: all of it fails if one is not what the decision saw.
CREATE FUNCTION millrace.commit_producers_4(
  p_ids bigint[], p_befores bigint[], p_parts bigint[], p_producers text[],
  p_terms bigint[], p_sequences bigint[], p_was_terms bigint[], p_was_sequences bigint[], p_lasts bigint[]
) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  v_moved bigint;
BEGIN
  IF -1 = ANY (p_was_terms) THEN
    INSERT INTO millrace.producers (run, id, term, sequence, seq)
    SELECT p_ids[m.part], m.id, m.term, m.sequence, p_befores[m.part] + 1 + m.last
    FROM unnest(p_parts, p_producers, p_terms, p_sequences, p_was_terms, p_lasts)
      AS m(part, id, term, sequence, was_term, last)
    WHERE m.was_term = -1 AND p_ids[m.part] > 0;
  END IF;
  IF -1 <> ANY (p_was_terms) THEN
    UPDATE millrace.producers p SET term = m.term, sequence = m.sequence, seq = p_befores[m.part] + 1 + m.last
    FROM unnest(p_parts, p_producers, p_terms, p_sequences, p_was_terms, p_was_sequences, p_lasts)
      AS m(part, id, term, sequence, was_term, was_sequence, last)
    WHERE p.run = ANY (ARRAY[p_ids[m.part]]) AND p.id = m.id AND p.term = m.was_term AND p.sequence = m.was_sequence;
    GET DIAGNOSTICS v_moved = ROW_COUNT;
    IF v_moved < (
      SELECT count(*) FROM unnest(p_parts, p_was_terms) AS m(part, was_term) WHERE m.was_term >= 0 AND p_ids[m.part] > 0
    ) THEN
      RAISE EXCEPTION 'A producer is not what the decision saw.' USING ERRCODE = 'MR001';
    END IF;
  END IF;
END $$;
`;
