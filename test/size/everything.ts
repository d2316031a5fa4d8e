import './core.ts';
import * as react from '@millrace/client/react';

Object.assign(globalThis, { page: { ...react } });
