import type { BlobRow, DocumentRow, GrantRow, KnowledgeBaseRow, ScheduleRow, StoredDefinition } from './store.ts';
import type { PostgresConnection } from './store-postgres-connection.ts';
import { nameIn } from './store-postgres-names.ts';

const DEFINITION = 'SELECT name, hash, at, text FROM millrace.definitions';

type StoredBase = Omit<KnowledgeBaseRow, 'documents'> & KnowledgeBaseRow['documents'];

/** What a tenant keeps beside its runs: definitions, schedules, grants, documents of knowledge bases, and blobs. */
export function postgresDocuments({ query }: PostgresConnection) {
  return {
    async putDefinition(tenant: string, { name, hash, at, text }: StoredDefinition): Promise<void> {
      await query(
        `INSERT INTO millrace.definitions (tenant, name, hash, place, at, text)
         VALUES ($1, $2, $3, nextval('millrace.place'), $4, $5)
         ON CONFLICT (tenant, name, hash) DO UPDATE SET place = excluded.place, at = excluded.at, text = excluded.text`,
        [nameIn(tenant), nameIn(name), nameIn(hash), at, text],
      );
    },

    async definition(tenant: string, name: string, hash?: string): Promise<StoredDefinition | undefined> {
      const rows = await query<StoredDefinition>(
        `${DEFINITION} WHERE tenant = $1 AND name = $2 AND ($3::text IS NULL OR hash = $3) ORDER BY place DESC LIMIT 1`,
        [nameIn(tenant), nameIn(name), hash === undefined ? null : nameIn(hash)],
      );
      return rows[0];
    },

    definitionVersions: (tenant: string, name: string): Promise<StoredDefinition[]> =>
      query<StoredDefinition>(`${DEFINITION} WHERE tenant = $1 AND name = $2 ORDER BY place DESC`, [
        nameIn(tenant),
        nameIn(name),
      ]),

    definitions: (tenant: string): Promise<StoredDefinition[]> =>
      query<StoredDefinition>(
        `SELECT DISTINCT ON (name) name, hash, at, text FROM millrace.definitions
         WHERE tenant = $1 ORDER BY name, place DESC`,
        [nameIn(tenant)],
      ),

    async putBlob(tenant: string, { sha256, bytes, type }: BlobRow, data: Uint8Array): Promise<void> {
      await query(
        `INSERT INTO millrace.blobs (tenant, sha256, bytes, type, data) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT DO NOTHING`,
        [nameIn(tenant), sha256, bytes, nameIn(type), Buffer.from(data.buffer, data.byteOffset, data.byteLength)],
      );
    },

    async getBlob(tenant: string, sha256: string): Promise<(BlobRow & { data: Uint8Array }) | undefined> {
      const rows = await query<BlobRow & { data: Uint8Array }>(
        'SELECT sha256, bytes, type, data FROM millrace.blobs WHERE tenant = $1 AND sha256 = $2',
        [nameIn(tenant), sha256],
      );
      return rows[0];
    },

    async documents(tenant: string, kbId: string, limit: number): Promise<DocumentRow[]> {
      const rows = await query<{ bytes: number | null; text: string }>(
        'SELECT bytes, text FROM millrace.documents WHERE tenant = $1 AND kb = $2 ORDER BY at DESC, id LIMIT $3',
        [nameIn(tenant), nameIn(kbId), limit],
      );
      return rows.map(({ bytes, text }) => ({
        ...(JSON.parse(text) as DocumentRow),
        ...(bytes === null ? {} : { bytes }),
      }));
    },

    async knowledgeBases(tenant: string, limit: number): Promise<KnowledgeBaseRow[]> {
      const rows = await query<StoredBase>(
        `SELECT kb AS "kbId", count(*) FILTER (WHERE status = 'processing') AS processing,
           count(*) FILTER (WHERE status = 'completed') AS completed,
           count(*) FILTER (WHERE status = 'failed') AS failed,
           sum(chunks)::float8 AS chunks, sum(embeddings)::float8 AS embeddings, max(at) AS at
         FROM millrace.documents WHERE tenant = $1 GROUP BY kb ORDER BY max(at) DESC, kb LIMIT $2`,
        [nameIn(tenant), limit],
      );
      return rows.map(({ processing, completed, failed, ...row }) => ({
        ...row,
        documents: { processing, completed, failed },
      }));
    },

    async putSchedule(tenant: string, schedule: ScheduleRow): Promise<void> {
      await query(
        `INSERT INTO millrace.schedules (tenant, id, text) VALUES ($1, $2, $3)
         ON CONFLICT (tenant, id) DO UPDATE SET text = excluded.text`,
        [nameIn(tenant), nameIn(schedule.id), JSON.stringify(schedule)],
      );
    },

    async schedule(tenant: string, id: string): Promise<ScheduleRow | undefined> {
      const rows = await query<{ text: string }>('SELECT text FROM millrace.schedules WHERE tenant = $1 AND id = $2', [
        nameIn(tenant),
        nameIn(id),
      ]);
      return rows.map(({ text }) => JSON.parse(text) as ScheduleRow)[0];
    },

    async schedules(tenant: string): Promise<ScheduleRow[]> {
      const rows = await query<{ text: string }>('SELECT text FROM millrace.schedules WHERE tenant = $1 ORDER BY id', [
        nameIn(tenant),
      ]);
      return rows.map(({ text }) => JSON.parse(text) as ScheduleRow);
    },

    async deleteSchedule(tenant: string, id: string): Promise<boolean> {
      const rows = await query('DELETE FROM millrace.schedules WHERE tenant = $1 AND id = $2 RETURNING id', [
        nameIn(tenant),
        nameIn(id),
      ]);
      return rows.length > 0;
    },

    async putGrant({ endedAt, ...grant }: GrantRow): Promise<void> {
      await query(
        `INSERT INTO millrace.grants (tenant, id, run, expires, ended_at, text) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (tenant, id) DO UPDATE SET
           run = excluded.run, expires = excluded.expires, ended_at = excluded.ended_at, text = excluded.text`,
        [
          nameIn(grant.tenant),
          nameIn(grant.id),
          grant.run === undefined ? null : nameIn(grant.run),
          grant.expires,
          endedAt ?? null,
          JSON.stringify(grant),
        ],
      );
    },

    async grant(tenant: string, id: string): Promise<GrantRow | undefined> {
      const rows = await query<{ text: string; endedAt: number | null }>(
        'SELECT text, ended_at AS "endedAt" FROM millrace.grants WHERE tenant = $1 AND id = $2',
        [nameIn(tenant), nameIn(id)],
      );
      return rows.map(({ text, endedAt }): GrantRow => {
        const grant = JSON.parse(text) as GrantRow;
        return endedAt === null ? grant : { ...grant, endedAt };
      })[0];
    },

    async revokeGrant(tenant: string, id: string, at: number): Promise<boolean> {
      const rows = await query(
        `UPDATE millrace.grants SET ended_at = $3
         WHERE tenant = $1 AND id = $2 AND ended_at IS NULL AND expires > $3 RETURNING id`,
        [nameIn(tenant), nameIn(id), at],
      );
      return rows.length > 0;
    },
  };
}
