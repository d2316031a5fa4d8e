#!/usr/bin/env node
import './node-version.mjs';
import { existsSync } from 'node:fs';

if (existsSync(new URL('src/main.ts', import.meta.url))) {
  await import('./source.mjs');
  await import('./src/main.ts');
} else {
  await import('./dist/main.js');
}
