import type { Database } from 'better-sqlite3';
import type { BlobRow, StoredDefinition } from './store.ts';

/** bytes; a row of this size reads and writes well, and no large text is ever held twice */
const CHUNK = 256 * 1024;

/** The tables definitions, blobs and blob_chunks: what is stored whole under the hash of its content. */
export function sqliteDocuments(db: Database) {
  const put = db.prepare('INSERT OR REPLACE INTO definitions (tenant, name, hash, at, text) VALUES (?, ?, ?, ?, ?)');
  const newest = db.prepare<[string, string], StoredDefinition>(
    'SELECT name, hash, at, text FROM definitions WHERE tenant = ? AND name = ? ORDER BY place DESC LIMIT 1',
  );
  const byHash = db.prepare<[string, string, string], StoredDefinition>(
    'SELECT name, hash, at, text FROM definitions WHERE tenant = ? AND name = ? AND hash = ?',
  );
  const versions = db.prepare<[string, string], StoredDefinition>(
    'SELECT name, hash, at, text FROM definitions WHERE tenant = ? AND name = ? ORDER BY place DESC',
  );
  const list = db.prepare<[string], StoredDefinition>(
    `SELECT name, hash, at, text FROM definitions
     WHERE place IN (SELECT max(place) FROM definitions WHERE tenant = ? GROUP BY name) ORDER BY name`,
  );
  const blob = db.prepare<[string, string], BlobRow & { id: number }>(
    'SELECT id, sha256, bytes, type FROM blobs WHERE tenant = ? AND sha256 = ?',
  );
  const putBlob = db.prepare('INSERT OR IGNORE INTO blobs (tenant, sha256, bytes, type) VALUES (?, ?, ?, ?)');
  const putChunk = db.prepare('INSERT INTO blob_chunks (blob, n, data) VALUES (?, ?, ?)');
  const chunks = db.prepare<[number], Buffer>('SELECT data FROM blob_chunks WHERE blob = ? ORDER BY n').pluck();

  return {
    putDefinition(tenant: string, { name, hash, at, text }: StoredDefinition): void {
      put.run(tenant, name, hash, at, text);
    },

    definition: (tenant: string, name: string, hash?: string): StoredDefinition | undefined =>
      hash === undefined ? newest.get(tenant, name) : byHash.get(tenant, name, hash),

    definitionVersions: (tenant: string, name: string): StoredDefinition[] => versions.all(tenant, name),

    definitions: (tenant: string): StoredDefinition[] => list.all(tenant),

    putBlob(tenant: string, { sha256, bytes, type }: BlobRow, data: Uint8Array): void {
      const { changes, lastInsertRowid } = putBlob.run(tenant, sha256, bytes, type);
      if (changes === 0) return;
      for (let n = 0; n * CHUNK < data.length; n++) {
        putChunk.run(lastInsertRowid, n, data.subarray(n * CHUNK, (n + 1) * CHUNK));
      }
    },

    getBlob(tenant: string, sha256: string): (BlobRow & { data: Uint8Array }) | undefined {
      const found = blob.get(tenant, sha256);
      if (!found) return undefined;
      const { id, ...row } = found;
      return { ...row, data: Buffer.concat(chunks.all(id)) };
    },
  };
}
