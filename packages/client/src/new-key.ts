import type { Platform } from './transport.ts';

/** 104 random bits; `crypto.randomUUID` would be missing on plain http pages. */
export function newKey({ random }: Platform): string {
  return Array.from({ length: 4 }, () =>
    Math.floor(random() * 2 ** 26)
      .toString(36)
      .padStart(6, '0'),
  ).join('');
}
