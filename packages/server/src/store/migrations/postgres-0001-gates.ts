/**
 * What may let a part of a batch drop out beside its run's own fence: leases that must have expired, unique keys,
 * slots, rates and grants. What many runs share is locked first, in one order, and then judged part by part, because
 * a part that drops out leaves its room to the next.
 */
export const postgres0001gates = `
CREATE FUNCTION millrace.commit_leases_1(p_ids bigint[], p_reasons text[], p_rest jsonb) RETURNS text[]
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  v_part int;
BEGIN
  PERFORM 1 FROM millrace.leases l
  JOIN (
    SELECT DISTINCT p_ids[t.part] AS run, t.node FROM jsonb_to_recordset(
      coalesce(p_rest->'expired', '[]') || coalesce(p_rest->'release', '[]') || coalesce(p_rest->'lease', '[]')
    ) AS t(part int, node text)
  ) AS t ON l.run = t.run AND l.node = t.node
  ORDER BY l.run, l.node FOR UPDATE OF l;

  FOR v_part IN
    SELECT t.part FROM jsonb_to_recordset(p_rest->'expired') AS t(part int, node text, attempt bigint, at float8)
    WHERE NOT EXISTS (
      SELECT 1 FROM millrace.leases l
      WHERE l.run = p_ids[t.part] AND l.node = t.node AND l.attempt = t.attempt AND l.expires <= t.at)
  LOOP
    p_reasons[v_part] := coalesce(p_reasons[v_part], 'lease');
  END LOOP;
  RETURN p_reasons;
END $$;

CREATE FUNCTION millrace.commit_gates_1(p_tenants text[], p_ids bigint[], p_reasons text[], p_rest jsonb) RETURNS text[]
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  v_part int;
  v_tenant text;
  v_reason text;
  v_keyed int[]; -- parts that hold their unique key
  v_unique record;
  v_start record;
BEGIN
  WITH taken AS (
    INSERT INTO millrace.uniques (tenant, scope, key, run, hash)
    SELECT DISTINCT ON (p_tenants[u.part], u.scope, u.key) p_tenants[u.part], u.scope, u.key, p_ids[u.part], u.hash
    FROM jsonb_to_recordset(p_rest->'unique') AS u(part int, scope text, key text, hash text)
    WHERE p_reasons[u.part] IS NULL ORDER BY p_tenants[u.part], u.scope, u.key, u.part
    ON CONFLICT DO NOTHING RETURNING run
  )
  SELECT array_agg(array_position(p_ids, t.run)) INTO v_keyed FROM taken t;

  INSERT INTO millrace.slots (tenant, queue, key, used)
  SELECT DISTINCT p_tenants[s.part], s.queue, s.key, 0
  FROM jsonb_to_recordset(coalesce(p_rest->'slots', '[]') || coalesce(p_rest->'starts', '[]'))
    AS s(part int, queue text, key text)
  WHERE p_reasons[s.part] IS NULL ORDER BY 1, 2, 3
  ON CONFLICT (tenant, queue, key) DO UPDATE SET used = slots.used;

  PERFORM 1 FROM millrace.grants g
  JOIN jsonb_to_recordset(p_rest->'spend') AS s(part int, id text) ON g.tenant = p_tenants[s.part] AND g.id = s.id
  ORDER BY g.tenant, g.id FOR UPDATE OF g;

  FOR v_part IN
    SELECT DISTINCT t.part FROM jsonb_to_recordset(
      coalesce(p_rest->'unique', '[]') || coalesce(p_rest->'slots', '[]')
      || coalesce(p_rest->'starts', '[]') || coalesce(p_rest->'spend', '[]')
    ) AS t(part int) WHERE p_reasons[t.part] IS NULL ORDER BY t.part
  LOOP
    v_tenant := p_tenants[v_part];
    v_reason := NULL;
    SELECT u.* INTO v_unique
    FROM jsonb_to_recordset(p_rest->'unique') AS u(part int, scope text, key text, hash text) WHERE u.part = v_part;
    IF v_unique.part IS NOT NULL AND NOT v_part = ANY (coalesce(v_keyed, '{}')) THEN
      -- The part of this batch that held the key may have dropped out since.
      INSERT INTO millrace.uniques (tenant, scope, key, run, hash)
      VALUES (v_tenant, v_unique.scope, v_unique.key, p_ids[v_part], v_unique.hash) ON CONFLICT DO NOTHING;
      IF NOT FOUND THEN
        p_reasons[v_part] := 'unique';
        CONTINUE;
      END IF;
    END IF;

    IF EXISTS (
      SELECT 1 FROM (
        SELECT s.queue, s.key, sum(s.delta) AS delta, min(s.lim) FILTER (WHERE s.delta > 0) AS lim
        FROM jsonb_to_recordset(p_rest->'slots') AS s(part int, queue text, key text, delta bigint, lim bigint)
        WHERE s.part = v_part GROUP BY s.queue, s.key
      ) AS s
      JOIN millrace.slots k ON k.tenant = v_tenant AND k.queue = s.queue AND k.key = s.key
      WHERE k.used + s.delta > s.lim
    ) OR EXISTS (
      SELECT 1 FROM (
        SELECT s.*, count(*) OVER (PARTITION BY s.queue, s.key) AS own
        FROM jsonb_to_recordset(p_rest->'starts')
          AS s(part int, queue text, key text, lim bigint, per float8, at float8)
        WHERE s.part = v_part
      ) AS s
      WHERE s.own + (
        SELECT count(*) FROM millrace.starts o
        WHERE o.tenant = v_tenant AND o.queue = s.queue AND o.key = s.key AND o.at > s.at - s.per) > s.lim
    ) THEN
      v_reason := 'slots';
    ELSIF EXISTS (
      SELECT 1 FROM jsonb_to_recordset(p_rest->'spend') AS s(part int, id text, at float8)
      WHERE s.part = v_part AND NOT EXISTS (
        SELECT 1 FROM millrace.grants g
        WHERE g.tenant = v_tenant AND g.id = s.id AND g.ended_at IS NULL AND g.expires > s.at)
    ) THEN
      v_reason := 'grant';
    END IF;
    IF v_reason IS NOT NULL THEN
      p_reasons[v_part] := v_reason;
      IF v_unique.part IS NOT NULL THEN
        DELETE FROM millrace.uniques u
        WHERE u.tenant = v_tenant AND u.scope = v_unique.scope AND u.key = v_unique.key;
      END IF;
      CONTINUE;
    END IF;

    UPDATE millrace.slots k SET used = k.used + s.delta
    FROM (
      SELECT s.queue, s.key, sum(s.delta) AS delta
      FROM jsonb_to_recordset(p_rest->'slots') AS s(part int, queue text, key text, delta bigint)
      WHERE s.part = v_part GROUP BY s.queue, s.key
    ) AS s
    WHERE k.tenant = v_tenant AND k.queue = s.queue AND k.key = s.key;
    FOR v_start IN
      SELECT s.* FROM jsonb_to_recordset(p_rest->'starts')
        AS s(part int, queue text, key text, per float8, at float8) WHERE s.part = v_part
    LOOP
      DELETE FROM millrace.starts o WHERE o.ctid = ANY (ARRAY(
        SELECT e.ctid FROM millrace.starts e WHERE e.until <= v_start.at FOR UPDATE SKIP LOCKED));
      INSERT INTO millrace.starts (tenant, queue, key, at, until)
      VALUES (v_tenant, v_start.queue, v_start.key, v_start.at, v_start.at + v_start.per);
    END LOOP;
    UPDATE millrace.grants g SET ended_at = s.at
    FROM jsonb_to_recordset(p_rest->'spend') AS s(part int, id text, at float8)
    WHERE s.part = v_part AND g.tenant = v_tenant AND g.id = s.id AND g.ended_at IS NULL AND g.expires > s.at;
  END LOOP;

  DELETE FROM millrace.slots k USING jsonb_to_recordset(
    coalesce(p_rest->'slots', '[]') || coalesce(p_rest->'starts', '[]')
  ) AS s(part int, queue text, key text)
  WHERE k.tenant = p_tenants[s.part] AND k.queue = s.queue AND k.key = s.key AND k.used = 0;
  RETURN p_reasons;
END $$;
`;
