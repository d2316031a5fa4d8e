import type { BlobRef } from '@millrace/protocol/json';
import type { Store } from '../store/store.ts';
import { noFile, refOf } from './file-ref.ts';
import type { Files } from './files.ts';

/** Files in the store's own database: one thing to back up, and a run and its files are there or gone together. */
export class StoreFiles implements Files {
  readonly #store: Pick<Store, 'putBlob' | 'getBlob'>;

  constructor(store: Pick<Store, 'putBlob' | 'getBlob'>) {
    this.#store = store;
  }

  async put(tenant: string, bytes: Uint8Array, type: string): Promise<BlobRef> {
    const ref = refOf(bytes, type);
    await this.#store.putBlob(tenant, { sha256: ref.$blob, bytes: bytes.length, type }, bytes);
    return ref;
  }

  async get(tenant: string, sha256: string): Promise<{ bytes: Uint8Array; type: string }> {
    const blob = await this.#store.getBlob(tenant, sha256);
    if (!blob) throw noFile(sha256);
    return { bytes: blob.data, type: blob.type };
  }
}
