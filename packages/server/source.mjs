// Runs a checkout's TypeScript with no build: makes `millrace:source` an import condition.
// Use: node --import millrace/source.mjs file.ts
// Forked children get it with process.execArgv; a worker thread needs `new Worker(url, { execArgv: process.execArgv })`.
import './node-version.mjs';
import module from 'node:module';

if (!process.features.typescript) {
  console.error(`Running Millrace from source needs Node 22.18 or newer; this is Node ${process.versions.node}.`);
  process.exit(1);
}

module.registerHooks({
  resolve: (specifier, context, next) =>
    next(specifier, { ...context, conditions: [...context.conditions, 'millrace:source'] }),
});

if (!process.execArgv.some((arg) => arg.endsWith('source.mjs'))) process.execArgv.push('--import', import.meta.url);
