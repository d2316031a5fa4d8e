import { tokenClaims } from './token.ts';

/** Everything that a token says of who bears it and what they may see; what changes with every renewal is left out. */
export function bearerOf(token: string): string | undefined {
  const claims = tokenClaims(token);
  if (!claims) return undefined;
  const { exp, iat, nbf, jti, ...bearer } = claims;
  return JSON.stringify(Object.entries(bearer).sort(([a], [b]) => (a < b ? -1 : 1)));
}
