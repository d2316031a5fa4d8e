import type { Database } from 'better-sqlite3';
import type { DocumentRow, KnowledgeBaseRow } from './store.ts';
import { present } from './store-sqlite-row.ts';

type StoredDocument = {
  [Field in keyof DocumentRow]-?: undefined extends DocumentRow[Field]
    ? Exclude<DocumentRow[Field], undefined> | null
    : DocumentRow[Field];
};

type StoredBase = Omit<KnowledgeBaseRow, 'documents'> & KnowledgeBaseRow['documents'];

/** The table documents: what runs told of the documents of knowledge bases. */
export function sqliteKnowledge(db: Database) {
  const put = db.prepare(
    `INSERT INTO documents (tenant, kb_id, document_id, file_name, run, status, at, bytes, chunks, embeddings, error)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (tenant, kb_id, document_id) DO UPDATE SET
       file_name = excluded.file_name, run = excluded.run, status = excluded.status, at = excluded.at,
       bytes = coalesce(excluded.bytes, bytes), chunks = excluded.chunks, embeddings = excluded.embeddings,
       error = excluded.error`,
  );
  const list = db.prepare<[string, string, number], StoredDocument>(
    `SELECT kb_id AS kbId, document_id AS documentId, file_name AS fileName, run, status, at, bytes, chunks,
       embeddings, error
     FROM documents WHERE tenant = ? AND kb_id = ? ORDER BY at DESC, document_id LIMIT ?`,
  );
  const bases = db.prepare<[string, number], StoredBase>(
    `SELECT kb_id AS kbId, sum(status = 'processing') AS processing, sum(status = 'completed') AS completed,
       sum(status = 'failed') AS failed, sum(coalesce(chunks, 0)) AS chunks,
       sum(coalesce(embeddings, 0)) AS embeddings, max(at) AS at
     FROM documents WHERE tenant = ? GROUP BY kb_id ORDER BY max(at) DESC, kb_id LIMIT ?`,
  );

  return {
    put(tenant: string, row: DocumentRow): void {
      const { kbId, documentId, fileName, run, status, at } = row;
      const { bytes = null, chunks = null, embeddings = null, error = null } = row;
      put.run(tenant, kbId, documentId, fileName, run, status, at, bytes, chunks, embeddings, error);
    },

    list: (tenant: string, kbId: string, limit: number): DocumentRow[] => list.all(tenant, kbId, limit).map(present),

    bases: (tenant: string, limit: number): KnowledgeBaseRow[] =>
      bases
        .all(tenant, limit)
        .map(({ processing, completed, failed, ...row }) => ({ ...row, documents: { processing, completed, failed } })),
  };
}
