// npm run bench -- NAME: runs bench/NAME.ts. Without a name, lists what there is.
import { globSync } from 'node:fs';

const [name, ...rest] = process.argv.slice(2);
const benches = globSync('*.ts', { cwd: import.meta.dirname })
  .map((file) => file.replace(/\.ts$/, ''))
  .filter((file) => file !== 'bench')
  .sort();

if (name && benches.includes(name)) {
  process.argv.splice(2, process.argv.length, ...rest);
  await import(`./${name}.ts`);
} else {
  console.log(name ? `There is no benchmark ${name}.` : 'npm run bench -- NAME');
  console.log(`Benchmarks: ${benches.join(', ') || 'none yet'}`);
  process.exitCode = name ? 1 : 0;
}
