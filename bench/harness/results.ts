import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { type Claim, isMet } from './claim.ts';
import { plot } from './plot.ts';

export interface Table {
  head: string[];
  rows: string[][];
}

/** What one benchmark found, with how. */
export interface Section {
  bench: string;
  method: string[];
  claims: Claim[];
  tables: Table[];
  /** of each contender */
  settings: [name: string, settings: string][];
  /** plain numbers by name, for who reckons with them: see simulate.ts */
  constants?: Record<string, number>;
}

export interface Written extends Section {
  machine: string;
}

/** Prints the section, and with `write` puts it in its place among the results that are kept. */
export function report(section: Section, write: boolean): void {
  const written: Written = { ...section, machine: `${availableParallelism()} cores, Node ${process.version}` };
  console.log(textOf(written));
  if (write) keep(written);
}

const kept = new URL('../results.json', import.meta.url);

/** What the benchmarks have found so far, as far as it was written. */
export function readResults(file: string | URL = kept): Written[] {
  return existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8'), (_key, value) => value ?? Number.NaN) as Written[])
    : [];
}

function keep(section: Written): void {
  const sections = readResults();
  const all = [...sections.filter(({ bench }) => bench !== section.bench), section].sort((a, b) =>
    a.bench.localeCompare(b.bench),
  );
  writeFileSync(kept, `${JSON.stringify(all, null, 2)}\n`);
  writeFileSync(new URL('../RESULTS.md', import.meta.url), `${[introduction, ...all.map(textOf)].join('\n')}`);
  writeFileSync(new URL('../results.svg', import.meta.url), plot(all.flatMap(({ claims }) => claims)));
}

const introduction = `# Results

Written by the benchmarks themselves, each with \`npm run bench -- NAME --write\`. Ratios are medians of ratios within one
round; the rounds of all contenders are interleaved, on one machine, and server and load are processes of their own. What misses its
target says so. Ratios can be compared between machines, absolute figures cannot.

![Each ratio beside its target](results.svg)
`;

/** A section as Markdown, which is also what is printed. */
export function textOf({ bench, method, machine, claims, tables, settings }: Written): string {
  const rows = claims.map((claim) => [
    ...[claim.what, claim.ours, claim.theirs ?? '', `${short(claim.value)}${claim.unit}`],
    `${claim.bound === 'at least' ? '≥' : '≤'} ${claim.target}${claim.unit}`,
    isMet(claim) ? 'met' : '**missed**',
  ]);
  return [
    `## ${bench}\n`,
    `${[...method, `Machine: ${machine}.`].join('\n')}\n`,
    ...(rows.length > 0 ? [tableText({ head: ['', 'Millrace', 'beside', 'found', 'target', ''], rows })] : []),
    ...tables.map(tableText),
    `${settings.map(([name, text]) => `- ${name}: ${text}`).join('\n')}\n`,
  ].join('\n');
}

export function tableText({ head, rows }: Table): string {
  const widths = head.map((_, column) => Math.max(3, ...[head, ...rows].map((row) => [...(row[column] ?? '')].length)));
  const line = (cells: string[]) =>
    `| ${widths.map((width, column) => pad(cells[column] ?? '', width, column > 0)).join(' | ')} |`;
  const rule = `|${widths.map((width, column) => `${'-'.repeat(width + 1)}${column > 0 ? ':' : '-'}`).join('|')}|`;
  return `${[line(head), rule, ...rows.map(line)].join('\n')}\n`;
}

function pad(text: string, width: number, right: boolean): string {
  const space = ' '.repeat(width - [...text].length);
  return right ? space + text : text + space;
}

/** Three digits that count, and a unit of thousands where there are many; – of what was not measured. */
export function short(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return '–';
  const size = Math.abs(value);
  if (size >= 1e6) return `${(value / 1e6).toPrecision(3)}M`;
  if (size >= 1e4) return `${(value / 1e3).toPrecision(3)}k`;
  return size >= 100
    ? value.toFixed(0)
    : size >= 0.01 || size === 0
      ? value.toPrecision(2 + Number(size >= 1))
      : value.toExponential(1);
}
