/**
 * A look into the queue that goes with a commit, as the last thing of its statement: the rows are those that the batch
 * leaves. It asks what a claim asks, and waits for nobody.
 */
export const postgres0003look = `
-- Answers for each claim its rows, and those behind open gates where there are any. A claim does not wait for a disk,
-- but the commit around this one does: what is said here of synchronous_commit ends with the function, whoever says it.
CREATE FUNCTION millrace.look_3(p_asks jsonb, p_server text, p_offer bigint) RETURNS json LANGUAGE plpgsql VOLATILE
SET synchronous_commit = off AS $$
DECLARE
  v_ask record;
  v_plain json;
  v_gated json;
  v_has_gates boolean;
  v_found json[] := '{}';
BEGIN
  FOR v_ask IN
    SELECT * FROM jsonb_to_recordset(p_asks) AS a(tenant text, asked jsonb, queues text[], now float8, lim bigint)
  LOOP
    SELECT json_agg(f) FILTER (WHERE NOT f.gated), bool_or(f.gated) INTO v_plain, v_has_gates
    FROM millrace.claimable_1(v_ask.tenant, v_ask.asked, v_ask.queues, v_ask.now, v_ask.lim, p_server, p_offer) AS f;
    v_gated := NULL;
    IF v_has_gates THEN
      SELECT json_agg(f) INTO v_gated
      FROM millrace.claimable_gated_1(v_ask.tenant, v_ask.asked, v_ask.queues, v_ask.now, v_ask.lim) AS f;
    END IF;
    v_found := v_found || json_build_object('plain', v_plain, 'gated', v_gated);
  END LOOP;
  RETURN array_to_json(v_found);
END $$;
`;
