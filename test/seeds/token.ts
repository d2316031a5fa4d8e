import { createHmac } from 'node:crypto';

/** What the servers of these tests and the application that makes their tokens share. */
export const secret = 'the application and the server share it';

export interface Claims {
  sub: string;
  tenant?: string;
  roles?: ('user' | 'operator' | 'worker' | 'admin')[];
  scopes?: ('run:read' | 'run:act' | 'run:append' | 'task:claim')[];
  /** s since the epoch; default: in an hour */
  exp?: number;
}

/** A JSON Web Token as any application makes it. */
export function sign(claims: Claims, key = secret): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const head = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ exp: Math.floor(Date.now() / 1000) + 3_600, ...claims })}`;
  return `${head}.${createHmac('sha256', key).update(head).digest('base64url')}`;
}
