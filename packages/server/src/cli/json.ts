import type { Json } from '@millrace/protocol';
import { MillraceError } from '@millrace/protocol/error';

/** The value of a flag that takes JSON. Errors: `invalid_json`, naming the flag. */
export function parseJson(flag: string, text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new MillraceError('invalid_json', { detail: `${flag} is not JSON: ${(error as Error).message}.` });
  }
}
