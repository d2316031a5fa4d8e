import type { BlobRef } from '@millrace/protocol';

/** Keeps bytes that are too large for an event, once, under their SHA-256. */
export interface Files {
  /** At most {@link FILE_LIMIT} bytes, else `payload_too_large`. */
  put(tenant: string, bytes: Uint8Array, type: string): Promise<BlobRef>;
  /** Errors: `file_not_found`. */
  get(tenant: string, sha256: string): Promise<{ bytes: Uint8Array; type: string }>;
}

/** bytes */
export const FILE_LIMIT = 32 * 1024 * 1024;
