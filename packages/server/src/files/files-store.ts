import { hash } from 'node:crypto';
import { MillraceError } from '@millrace/protocol/error';
import type { BlobRef } from '@millrace/protocol/json';
import type { Store } from '../store/store.ts';
import { FILE_LIMIT, type Files } from './files.ts';

/** Files in the store's own database: one thing to back up, and a run and its files are there or gone together. */
export class StoreFiles implements Files {
  readonly #store: Pick<Store, 'putBlob' | 'getBlob'>;

  constructor(store: Pick<Store, 'putBlob' | 'getBlob'>) {
    this.#store = store;
  }

  async put(tenant: string, bytes: Uint8Array, type: string): Promise<BlobRef> {
    if (bytes.length > FILE_LIMIT) {
      const detail = `The file has ${bytes.length} bytes; at most ${FILE_LIMIT} are kept.`;
      throw new MillraceError('payload_too_large', { detail, facts: { bytes: bytes.length, limit: FILE_LIMIT } });
    }
    const sha256 = hash('sha256', bytes, 'hex');
    await this.#store.putBlob(tenant, { sha256, bytes: bytes.length, type }, bytes);
    return { $blob: sha256, bytes: bytes.length, type };
  }

  async get(tenant: string, sha256: string): Promise<{ bytes: Uint8Array; type: string }> {
    const blob = await this.#store.getBlob(tenant, sha256);
    if (!blob)
      throw new MillraceError('file_not_found', {
        detail: `There is no file with the SHA-256 ${sha256.slice(0, 64)}.`,
      });
    return { bytes: blob.data, type: blob.type };
  }
}
