import { hash } from 'node:crypto';
import { MillraceError } from '@millrace/protocol/error';
import type { BlobRef } from '@millrace/protocol/json';
import { FILE_LIMIT } from './files.ts';

/** What stands in an event for these bytes. Errors: `payload_too_large`. */
export function refOf(bytes: Uint8Array, type: string): BlobRef {
  if (bytes.length > FILE_LIMIT) {
    const detail = `The file has ${bytes.length} bytes; at most ${FILE_LIMIT} are kept.`;
    throw new MillraceError('payload_too_large', { detail, facts: { bytes: bytes.length, limit: FILE_LIMIT } });
  }
  return { $blob: hash('sha256', bytes, 'hex'), bytes: bytes.length, type };
}

export function noFile(sha256: string): MillraceError {
  return new MillraceError('file_not_found', {
    detail: `There is no file with the SHA-256 ${sha256.slice(0, 64)}.`,
  });
}
