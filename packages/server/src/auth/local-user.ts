import type { Principal } from './auth.ts';
import { DEFAULT_TENANT } from './auth-jwt.ts';

/** Who asks from this machine without a token, where no keys are configured. */
export const localUser: Principal = {
  ...{ tenant: DEFAULT_TENANT, id: 'local', roles: ['user'], scopes: ['run:read', 'run:act'] },
  expires: Number.POSITIVE_INFINITY,
};
