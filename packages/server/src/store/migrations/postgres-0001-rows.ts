/**
 * What the accepted parts of a batch do beside their logs: rows of runs, of the queue, of leases and of whatever else
 * is to be done. What goes, goes before what comes; of what comes twice, the last stands. `p_ids`: 0 = it dropped out.
 */
export const postgres0001rows = `
CREATE FUNCTION millrace.commit_rows_1(
  p_at bigint, p_tenants text[], p_runs text[], p_ids bigint[], p_ats bigint[], p_rest jsonb
) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  IF p_rest ? 'create' THEN
    WITH made AS (
      INSERT INTO millrace.summaries (run, tenant, owner, workflow, queue, status, shown, external, at, tags, text)
      SELECT p_ids[r.part], p_tenants[r.part], r.owner, r.workflow, r.queue, r.status, r.shown, r.external,
        p_ats[r.part], r.tags, r.text
      FROM jsonb_to_recordset(p_rest->'create') AS r(
        part int, owner text, workflow text, queue text, status text, shown text, external boolean, tags text[],
        text text)
      WHERE p_ids[r.part] > 0 RETURNING run, tenant, tags
    )
    INSERT INTO millrace.tags (tenant, tag, run) SELECT m.tenant, t.tag, m.run FROM made m, unnest(m.tags) AS t(tag);
  END IF;
  IF p_rest ? 'change' THEN
    UPDATE millrace.summaries s SET
      status = r.status, shown = r.shown, text = r.text,
      at = CASE WHEN r.ended OR r.status <> s.status OR r.shown <> s.shown THEN p_ats[r.part] ELSE s.at END
    FROM jsonb_to_recordset(p_rest->'change') AS r(part int, status text, shown text, ended boolean, text text)
    WHERE s.run = p_ids[r.part];
  END IF;

  IF p_rest ? 'dequeue' THEN
    DELETE FROM millrace.queue q USING jsonb_to_recordset(p_rest->'dequeue') AS d(part int, node text)
    WHERE q.run = p_ids[d.part] AND (d.node IS NULL OR q.node = d.node);
  END IF;
  IF p_rest ? 'enqueue' THEN
    INSERT INTO millrace.queue (
      place, run, tenant, node, task, version, queue, priority, at, delayed, gate, slots, limits, rate, rate_limit,
      rate_per, gates)
    SELECT nextval('millrace.place'), p_ids[e.part], p_tenants[e.part], e.node, e.task, e.version, e.queue, e.priority,
      e.at, e.at > p_at, e.gate, e.slots, e.limits, e.rate, e.rate_limit, e.rate_per, e.gates
    FROM (
      SELECT DISTINCT ON (e.part, e.node) e.* FROM ROWS FROM (jsonb_to_recordset(p_rest->'enqueue') AS (
        part int, node text, task text, version text, queue text, priority bigint, at float8, gate text, slots text[],
        limits float8[], rate text, rate_limit float8, rate_per float8, gates text
      )) WITH ORDINALITY AS e(
        part, node, task, version, queue, priority, at, gate, slots, limits, rate, rate_limit, rate_per, gates, n)
      WHERE p_ids[e.part] > 0 ORDER BY e.part, e.node, e.n DESC
    ) AS e ORDER BY e.n
    ON CONFLICT (run, node) DO UPDATE SET
      place = excluded.place, task = excluded.task, version = excluded.version, queue = excluded.queue,
      priority = excluded.priority, at = excluded.at, delayed = excluded.delayed, gate = excluded.gate,
      slots = excluded.slots, limits = excluded.limits, rate = excluded.rate, rate_limit = excluded.rate_limit,
      rate_per = excluded.rate_per, gates = excluded.gates, offered_to = NULL, offered_until = NULL;
  END IF;

  IF p_rest ? 'release' THEN
    DELETE FROM millrace.leases l USING jsonb_to_recordset(p_rest->'release') AS r(part int, node text)
    WHERE l.run = p_ids[r.part] AND l.node = r.node;
  END IF;
  IF p_rest ? 'lease' THEN
    INSERT INTO millrace.leases (run, node, attempt, worker, boot, expires)
    SELECT DISTINCT ON (l.part, l.node) p_ids[l.part], l.node, l.attempt, l.worker, l.boot, l.expires
    FROM ROWS FROM (jsonb_to_recordset(p_rest->'lease') AS (
      part int, node text, attempt bigint, worker text, boot text, expires float8
    )) WITH ORDINALITY AS l(part, node, attempt, worker, boot, expires, n)
    WHERE p_ids[l.part] > 0 ORDER BY l.part, l.node, l.n DESC
    ON CONFLICT (run, node) DO UPDATE SET
      attempt = excluded.attempt, worker = excluded.worker, boot = excluded.boot, expires = excluded.expires;
  END IF;

  IF p_rest ?| '{due,undue}' THEN
    PERFORM millrace.commit_due_1(p_tenants, p_runs, p_ids, p_rest);
  END IF;

  IF p_rest ? 'unwait' THEN
    DELETE FROM millrace.waits w USING jsonb_to_recordset(p_rest->'unwait') AS u(part int, id text)
    WHERE w.run = p_ids[u.part] AND (u.id IS NULL OR w.id = u.id);
  END IF;
  IF p_rest ? 'waits' THEN
    INSERT INTO millrace.waits (run, id, tenant, kind, workflow, owner, requested_at, text)
    SELECT DISTINCT ON (w.part, w.id) p_ids[w.part], w.id, p_tenants[w.part], w.kind, w.workflow, w.owner, w.at, w.text
    FROM ROWS FROM (jsonb_to_recordset(p_rest->'waits') AS (
      part int, id text, kind text, workflow text, owner text, at float8, text text
    )) WITH ORDINALITY AS w(part, id, kind, workflow, owner, at, text, n)
    WHERE p_ids[w.part] > 0 ORDER BY w.part, w.id, w.n DESC
    ON CONFLICT (run, id) DO UPDATE SET
      kind = excluded.kind, workflow = excluded.workflow, owner = excluded.owner, requested_at = excluded.requested_at,
      text = excluded.text;
  END IF;

  IF p_rest ? 'documents' THEN
    INSERT INTO millrace.documents (tenant, kb, id, status, at, bytes, chunks, embeddings, text)
    SELECT p_tenants[d.part], d.kb, d.id, (array_agg(d.status ORDER BY d.n DESC))[1],
      (array_agg(d.at ORDER BY d.n DESC))[1],
      (array_agg(d.bytes ORDER BY d.n DESC) FILTER (WHERE d.bytes IS NOT NULL))[1],
      (array_agg(d.chunks ORDER BY d.n DESC))[1], (array_agg(d.embeddings ORDER BY d.n DESC))[1],
      (array_agg(d.text ORDER BY d.n DESC))[1]
    FROM ROWS FROM (jsonb_to_recordset(p_rest->'documents') AS (
      part int, kb text, id text, status text, at float8, bytes bigint, chunks bigint, embeddings bigint, text text
    )) WITH ORDINALITY AS d(part, kb, id, status, at, bytes, chunks, embeddings, text, n)
    WHERE p_ids[d.part] > 0 GROUP BY p_tenants[d.part], d.kb, d.id ORDER BY 1, 2, 3
    ON CONFLICT (tenant, kb, id) DO UPDATE SET
      status = excluded.status, at = excluded.at, bytes = coalesce(excluded.bytes, documents.bytes),
      chunks = excluded.chunks, embeddings = excluded.embeddings, text = excluded.text;
  END IF;
END $$;

-- A part may tell another run something that a later part of the same batch, which is that run's, takes away.
CREATE FUNCTION millrace.commit_due_1(p_tenants text[], p_runs text[], p_ids bigint[], p_rest jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  PERFORM 1 FROM millrace.due d
  JOIN (
    SELECT p_tenants[u.part] AS tenant, p_runs[u.part] AS run, u.name
    FROM jsonb_to_recordset(p_rest->'undue') AS u(part int, name text) WHERE p_ids[u.part] > 0
    UNION
    SELECT p_tenants[p.part], p.run, p.name
    FROM jsonb_to_recordset(p_rest->'due') AS p(part int, run text, name text) WHERE p_ids[p.part] > 0
  ) AS t ON d.tenant = t.tenant AND d.run = t.run AND (t.name IS NULL OR d.name = t.name)
  ORDER BY d.tenant, d.run, d.name FOR UPDATE OF d;

  DELETE FROM millrace.due d USING jsonb_to_recordset(p_rest->'undue') AS u(part int, name text)
  WHERE p_ids[u.part] > 0 AND d.tenant = p_tenants[u.part] AND d.run = p_runs[u.part]
    AND (u.name IS NULL OR d.name = u.name);

  INSERT INTO millrace.due (tenant, run, name, key, at, place, command)
  SELECT p.tenant, p.run, p.name, p.key, p.at, p.place, p.command
  FROM (
    SELECT p.*, nextval('millrace.place') AS place FROM (
      SELECT DISTINCT ON (p_tenants[p.part], p.run, p.name) p_tenants[p.part] AS tenant, p.*
      FROM ROWS FROM (jsonb_to_recordset(p_rest->'due') AS (
        part int, run text, name text, key text, at float8, command text
      )) WITH ORDINALITY AS p(part, run, name, key, at, command, n)
      WHERE p_ids[p.part] > 0 AND NOT EXISTS (
        SELECT 1 FROM jsonb_to_recordset(p_rest->'undue') AS u(part int, name text)
        WHERE u.part > p.part AND p_ids[u.part] > 0 AND p_tenants[u.part] = p_tenants[p.part] AND p_runs[u.part] = p.run
          AND (u.name IS NULL OR u.name = p.name))
      ORDER BY p_tenants[p.part], p.run, p.name, p.n DESC
    ) AS p ORDER BY p.n
  ) AS p ORDER BY p.tenant, p.run, p.name
  ON CONFLICT (tenant, run, name) DO UPDATE SET
    at = excluded.at, place = excluded.place, command = excluded.command;
END $$;
`;
