import type { BlobRow, DocumentRow, KnowledgeBaseRow, ScheduleRow, StoredDefinition } from './store.ts';
import { byText, id } from './store-memory-keys.ts';

/** What a tenant keeps beside its runs: definitions, schedules, documents of knowledge bases, and blobs. */
export class MemoryDocuments {
  readonly #definitions = new Map<string, StoredDefinition & { tenant: string }>();
  readonly #schedules = new Map<string, ScheduleRow & { tenant: string }>();
  readonly #blobs = new Map<string, BlobRow & { data: Uint8Array }>();
  /** in the order of change */
  readonly #documents = new Map<string, DocumentRow & { tenant: string }>();

  putDefinition(tenant: string, definition: StoredDefinition): void {
    const key = id(tenant, definition.name, definition.hash);
    this.#definitions.delete(key);
    this.#definitions.set(key, { ...definition, tenant });
  }

  definition(tenant: string, name: string, hash?: string): StoredDefinition | undefined {
    const versions = this.definitionVersions(tenant, name);
    return hash === undefined ? versions[0] : versions.find((row) => row.hash === hash);
  }

  definitions(tenant: string): StoredDefinition[] {
    const newest = new Map(ofTenant(this.#definitions, tenant).map((row) => [row.name, row]));
    return [...newest.values()].sort((a, b) => byText(a.name, b.name));
  }

  definitionVersions(tenant: string, name: string): StoredDefinition[] {
    return ofTenant(this.#definitions, tenant)
      .filter((row) => row.name === name)
      .reverse();
  }

  putSchedule(tenant: string, schedule: ScheduleRow): void {
    this.#schedules.set(id(tenant, schedule.id), { ...schedule, tenant });
  }

  schedules(tenant: string): ScheduleRow[] {
    return ofTenant(this.#schedules, tenant).sort((a, b) => byText(a.id, b.id));
  }

  deleteSchedule(tenant: string, schedule: string): boolean {
    return this.#schedules.delete(id(tenant, schedule));
  }

  putDocuments(tenant: string, rows: readonly DocumentRow[]): void {
    for (const row of rows) {
      const key = id(tenant, row.kbId, row.documentId);
      const bytes = row.bytes ?? this.#documents.get(key)?.bytes;
      this.#documents.delete(key);
      this.#documents.set(key, { ...row, ...(bytes === undefined ? {} : { bytes }), tenant });
    }
  }

  documents(tenant: string, kbId: string): DocumentRow[] {
    return ofTenant(this.#documents, tenant)
      .filter((row) => row.kbId === kbId)
      .sort((a, b) => b.at - a.at || byText(a.documentId, b.documentId));
  }

  knowledgeBases(tenant: string): KnowledgeBaseRow[] {
    const kbIds = new Set(ofTenant(this.#documents, tenant).map(({ kbId }) => kbId));
    const rows = [...kbIds].map((kbId): KnowledgeBaseRow => {
      const documents = { processing: 0, completed: 0, failed: 0 };
      const row = { kbId, documents, chunks: 0, embeddings: 0, at: 0 };
      for (const { status, chunks = 0, embeddings = 0, at } of this.documents(tenant, kbId)) {
        documents[status] += 1;
        row.chunks += chunks;
        row.embeddings += embeddings;
        row.at = Math.max(row.at, at);
      }
      return row;
    });
    return rows.sort((a, b) => b.at - a.at || byText(a.kbId, b.kbId));
  }

  putBlob(tenant: string, blob: BlobRow, bytes: Uint8Array): void {
    const key = id(tenant, blob.sha256);
    if (!this.#blobs.has(key)) this.#blobs.set(key, { ...blob, data: bytes.slice() });
  }

  getBlob(tenant: string, sha256: string): (BlobRow & { data: Uint8Array }) | undefined {
    return this.#blobs.get(id(tenant, sha256));
  }
}

function ofTenant<Row extends { tenant: string }>(rows: Map<string, Row>, of: string): Omit<Row, 'tenant'>[] {
  return [...rows.values()].filter(({ tenant }) => tenant === of).map(({ tenant: _tenant, ...row }) => row);
}
