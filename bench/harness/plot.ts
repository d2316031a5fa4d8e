import { type Claim, isMet } from './claim.ts';

const ROW = 22;
const TOP = 30;
const LEFT = 380;
const WIDTH = 420;
const MARGIN = 90;

/** A drawing of ratios: a bar from 1 to each, on an axis where ten times as much is always as far, and a mark at its target. */
export function plot(claims: readonly Claim[]): string {
  const shown = claims.filter(({ unit, value }) => unit === '×' && value > 0 && Number.isFinite(value));
  const exponents = shown.flatMap(({ value, target }) => [Math.log10(value), Math.log10(target)]);
  const low = Math.floor(Math.min(-1, ...exponents));
  const high = Math.ceil(Math.max(1, ...exponents));
  const x = (value: number) => LEFT + ((Math.log10(value) - low) / (high - low)) * WIDTH;
  const bottom = TOP + shown.length * ROW;
  const grid = Array.from({ length: high - low + 1 }, (_, step) => 10 ** (low + step)).map(
    (value) =>
      `<line x1="${at(x(value))}" y1="${TOP - 6}" x2="${at(x(value))}" y2="${bottom}" stroke="${value === 1 ? '#555' : '#ddd'}"/>` +
      `<text x="${at(x(value))}" y="${TOP - 12}" text-anchor="middle">${value}×</text>`,
  );
  const bars = shown.map((claim, place) => {
    const { what, value, target } = claim;
    const y = TOP + place * ROW;
    const met = isMet(claim);
    const [from, to] = [x(1), x(value)].sort((a, b) => a - b) as [number, number];
    const label = `${Number(value.toPrecision(3))}×, ${met ? 'met' : 'missed'}`;
    return (
      `<text x="${LEFT - 8}" y="${y + 14}" text-anchor="end">${xml(what)}</text>` +
      `<rect x="${at(from)}" y="${y + 4}" width="${at(Math.max(1, to - from))}" height="${ROW - 8}" fill="${met ? '#2f7d4f' : '#b3402f'}"/>` +
      `<line x1="${at(x(target))}" y1="${y + 1}" x2="${at(x(target))}" y2="${y + ROW - 1}" stroke="#000" stroke-width="2"/>` +
      `<text x="${at(Math.max(to, x(target)) + 6)}" y="${y + 14}">${label}</text>`
    );
  });
  const size = `width="${LEFT + WIDTH + MARGIN}" height="${bottom + 10}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="11" role="img">`,
    '<title>Ratios of Millrace to its peers; a black mark is the target</title>',
    '<rect width="100%" height="100%" fill="#fff"/>',
    ...[...grid, ...bars],
    '</svg>\n',
  ].join('\n');
}

const at = (value: number): string => value.toFixed(1);
const xml = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
