/** What `commit_2` does where more than a run's fence decides about its part. */
export const postgres0002judge = `
-- Locks the leases that a batch is about to change or look at, in the order of whoever renews them.
CREATE FUNCTION millrace.commit_hold_2(p_ids bigint[], p_parts bigint[], p_nodes text[], p_rest jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  PERFORM 1 FROM millrace.leases l
  JOIN (
    SELECT p_ids[t.part] AS run, t.node FROM unnest(p_parts, p_nodes) AS t(part, node)
    UNION
    SELECT p_ids[t.part], t.node FROM jsonb_to_recordset(p_rest->'expired') AS t(part int, node text)
  ) AS t ON l.run = t.run AND l.node = t.node
  ORDER BY l.run, l.node FOR UPDATE OF l;
END $$;

-- Locks the runs and says which parts drop out, and why. Each rule stands behind the one before.
CREATE FUNCTION millrace.commit_judge_2(
  p_tenants text[], p_ids bigint[], p_reasons text[], p_fences bigint[],
  p_producer_parts bigint[], p_producers text[], p_was_terms bigint[], p_was_sequences bigint[],
  p_lease_parts bigint[], p_lease_nodes text[], p_rest jsonb
) RETURNS text[] LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  v_run record;
BEGIN
  FOR v_run IN
    SELECT k.part, CASE
      WHEN r.gone THEN 'missing' WHEN r.ended THEN 'ended' WHEN r.ctl <> k.fence THEN 'conflict' END AS reason
    FROM unnest(p_ids, p_fences) WITH ORDINALITY AS k(id, fence, part)
    JOIN millrace.runs r ON r.id = k.id
    WHERE k.fence >= 0 ORDER BY r.id FOR UPDATE OF r
  LOOP
    p_reasons[v_run.part] := v_run.reason;
  END LOOP;
  FOR v_run IN
    SELECT k.part FROM unnest(p_ids) WITH ORDINALITY AS k(id, part) WHERE k.id = 0
  LOOP
    p_reasons[v_run.part] := 'missing';
  END LOOP;

  PERFORM millrace.commit_hold_2(p_ids, p_lease_parts, p_lease_nodes, p_rest);
  IF p_rest ? 'expired' THEN
    p_reasons := millrace.commit_leases_1(p_ids, p_reasons, p_rest);
  END IF;
  FOR v_run IN
    SELECT m.part
    FROM unnest(p_producer_parts, p_producers, p_was_terms, p_was_sequences) AS m(part, id, term, sequence)
    LEFT JOIN millrace.producers p ON p.run = p_ids[m.part] AND p.id = m.id
    WHERE coalesce(p.term, -1) <> m.term OR coalesce(p.sequence, -1) <> m.sequence
  LOOP
    p_reasons[v_run.part] := coalesce(p_reasons[v_run.part], 'producer');
  END LOOP;
  IF p_rest ?| '{unique,slots,starts,spend}' THEN
    p_reasons := millrace.commit_gates_1(p_tenants, p_ids, p_reasons, p_rest);
  END IF;
  RETURN p_reasons;
END $$;

-- Moves the producers. Where nobody has looked at them yet, all of it fails if one is not what the decision saw.
CREATE FUNCTION millrace.commit_producers_2(
  p_judged boolean, p_ids bigint[], p_befores bigint[], p_parts bigint[], p_producers text[],
  p_terms bigint[], p_sequences bigint[], p_was_terms bigint[], p_was_sequences bigint[], p_lasts bigint[]
) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  v_moved bigint;
  v_made bigint := 0;
BEGIN
  IF p_judged THEN
    INSERT INTO millrace.producers (run, id, term, sequence, seq)
    SELECT DISTINCT ON (m.part, m.id) p_ids[m.part], m.id, m.term, m.sequence, p_befores[m.part] + 1 + m.last
    FROM unnest(p_parts, p_producers, p_terms, p_sequences, p_lasts)
      WITH ORDINALITY AS m(part, id, term, sequence, last, n)
    WHERE p_ids[m.part] > 0 ORDER BY m.part, m.id, m.n DESC
    ON CONFLICT (run, id) DO UPDATE
    SET term = excluded.term, sequence = excluded.sequence, seq = excluded.seq;
    RETURN;
  END IF;
  UPDATE millrace.producers p SET term = m.term, sequence = m.sequence, seq = p_befores[m.part] + 1 + m.last
  FROM unnest(p_parts, p_producers, p_terms, p_sequences, p_was_terms, p_was_sequences, p_lasts)
    AS m(part, id, term, sequence, was_term, was_sequence, last)
  WHERE p.run = p_ids[m.part] AND p.id = m.id AND p.term = m.was_term AND p.sequence = m.was_sequence;
  GET DIAGNOSTICS v_moved = ROW_COUNT;
  IF -1 = ANY (p_was_terms) THEN
    INSERT INTO millrace.producers (run, id, term, sequence, seq)
    SELECT p_ids[m.part], m.id, m.term, m.sequence, p_befores[m.part] + 1 + m.last
    FROM unnest(p_parts, p_producers, p_terms, p_sequences, p_was_terms, p_lasts)
      AS m(part, id, term, sequence, was_term, last)
    WHERE m.was_term = -1 AND p_ids[m.part] > 0
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS v_made = ROW_COUNT;
  END IF;
  IF v_moved + v_made < (SELECT count(*) FROM unnest(p_parts) AS m(part) WHERE p_ids[m.part] > 0) THEN
    RAISE EXCEPTION 'A producer is not what the decision saw.' USING ERRCODE = 'MR001';
  END IF;
END $$;
`;
