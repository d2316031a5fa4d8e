/** Deletion of a run: at once for whoever asks; its events go afterwards, step by step or with their partition. */
export const postgres0001deletion = `
CREATE FUNCTION millrace.delete_run_1(p_tenant text, p_run text) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  v_id bigint;
  v_head bigint;
BEGIN
  SELECT id, head INTO v_id, v_head FROM millrace.runs
  WHERE tenant = p_tenant AND run = p_run AND NOT gone AND NOT hold FOR UPDATE;
  IF v_id IS NULL THEN
    RETURN false;
  END IF;
  DELETE FROM millrace.leases WHERE run = v_id;
  DELETE FROM millrace.producers WHERE run = v_id;
  DELETE FROM millrace.uniques WHERE run = v_id;
  DELETE FROM millrace.grants WHERE tenant = p_tenant AND run = p_run;
  DELETE FROM millrace.queue WHERE run = v_id;
  DELETE FROM millrace.due WHERE tenant = p_tenant AND run = p_run;
  DELETE FROM millrace.waits WHERE run = v_id;
  DELETE FROM millrace.snapshots WHERE run = v_id;
  DELETE FROM millrace.tags t USING millrace.summaries s, unnest(s.tags) AS o(tag)
  WHERE s.run = v_id AND t.tenant = p_tenant AND t.tag = o.tag AND t.run = v_id;
  DELETE FROM millrace.summaries WHERE run = v_id;
  UPDATE millrace.runs SET gone = true, ended = true WHERE id = v_id;
  INSERT INTO millrace.deleted (run, remaining) VALUES (v_id, v_head);
  RETURN true;
END $$;

-- Removes up to p_step events of a deleted run, the last ones first; false = no deleted run has any left.
CREATE FUNCTION millrace.sweep_1(p_step int) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  v_run bigint;
  v_remaining bigint;
BEGIN
  -- Another server may be at one of them.
  SELECT run, remaining INTO v_run, v_remaining FROM millrace.deleted ORDER BY run LIMIT 1 FOR UPDATE SKIP LOCKED;
  IF v_run IS NULL THEN
    RETURN false;
  END IF;
  DELETE FROM millrace.events WHERE run = v_run AND seq > v_remaining - p_step;
  IF v_remaining > p_step THEN
    UPDATE millrace.deleted SET remaining = v_remaining - p_step WHERE run = v_run;
  ELSE
    -- A snapshot may have been written while the run was deleted.
    DELETE FROM millrace.snapshots WHERE run = v_run;
    DELETE FROM millrace.deleted WHERE run = v_run;
  END IF;
  RETURN true;
END $$;
`;
