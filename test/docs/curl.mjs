// Stands in for curl where there is none: -s, -N, -X, -H, -d, -o, -w '%{http_code}', --max-time.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    silent: { type: 'boolean', short: 's' },
    'no-buffer': { type: 'boolean', short: 'N' },
    request: { type: 'string', short: 'X' },
    header: { type: 'string', short: 'H', multiple: true, default: [] },
    data: { type: 'string', short: 'd' },
    output: { type: 'string', short: 'o' },
    'write-out': { type: 'string', short: 'w' },
    'max-time': { type: 'string' },
  },
});
const [address = ''] = positionals;
const headers = new Headers(values.header.map((line) => /^([^:]+): *(.*)$/.exec(line)?.slice(1) ?? [line, '']));
if (values.data !== undefined && !headers.has('content-type'))
  headers.set('content-type', 'application/x-www-form-urlencoded');
const seconds = Number(values['max-time'] ?? 300);
try {
  const answer = await fetch(/^https?:/.test(address) ? address : `http://${address}`, {
    method: values.request ?? (values.data === undefined ? 'GET' : 'POST'),
    headers,
    ...(values.data === undefined ? {} : { body: values.data }),
    signal: AbortSignal.timeout(seconds * 1000),
  });
  if (values.output !== undefined) writeFileSync(values.output, Buffer.from(await answer.arrayBuffer()));
  else for await (const bytes of answer.body ?? []) process.stdout.write(bytes);
  if (values['write-out'] !== undefined)
    process.stdout.write(values['write-out'].replace('%{http_code}', String(answer.status)).replaceAll('\\n', '\n'));
} catch (error) {
  console.error(`curl: ${error instanceof Error ? error.message : error}`);
  process.exitCode = error instanceof Error && error.name === 'TimeoutError' ? 28 : 7;
}
