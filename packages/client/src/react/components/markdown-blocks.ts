/** The blocks of a Markdown text: what reports need and nothing more. No block ever holds HTML. */
export type Block =
  | { type: 'heading'; level: number; text: string }
  | { type: 'paragraph'; text: string }
  | { type: 'code'; text: string; language: string }
  | { type: 'quote'; blocks: Block[] }
  | { type: 'list'; ordered: boolean; start: number; items: Block[][] }
  | { type: 'table'; head: string[]; rows: string[][] }
  | { type: 'rule' };

const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$/;
const FENCE = /^ {0,3}(`{3,}|~{3,})\s*(\S*)/;
const RULE = /^ {0,3}([-*_])(\s*\1){2,}\s*$/;
const QUOTE = /^ {0,3}> ?(.*)$/;
const ITEM = /^( {0,3})([-*+]|(\d{1,9})[.)])(\s+)(.*)$/;
const TABLE_LINE = /^\s*\|?[\s:|-]*-[\s:|-]*\|[\s:|-]*$/;
const DEPTH = 8;

/** Splits a Markdown text into blocks. Deeper nesting than eight is kept as plain text. */
export function parseBlocks(text: string, depth = 0): Block[] {
  const lines = text.replaceAll('\r\n', '\n').replaceAll('\t', '    ').split('\n');
  const blocks: Block[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] as string;
    if (line.trim() === '') {
      at += 1;
      continue;
    }
    const { block, next } =
      fence(lines, at) ??
      heading(line, at) ??
      (depth < DEPTH ? (quote(lines, at, depth) ?? list(lines, at, depth)) : undefined) ??
      table(lines, at) ??
      paragraph(lines, at);
    blocks.push(block);
    at = next;
  }
  return blocks;
}

type Read = { block: Block; next: number };

function fence(lines: string[], at: number): Read | undefined {
  const open = FENCE.exec(lines[at] as string);
  if (!open) return undefined;
  const body: string[] = [];
  let next = at + 1;
  for (; next < lines.length; next++) {
    const line = lines[next] as string;
    if (line.trim().startsWith(open[1] as string)) break;
    body.push(line);
  }
  return { block: { type: 'code', text: body.join('\n'), language: open[2] ?? '' }, next: next + 1 };
}

function heading(line: string, at: number): Read | undefined {
  const match = HEADING.exec(line);
  if (match) {
    return { block: { type: 'heading', level: (match[1] as string).length, text: match[2] as string }, next: at + 1 };
  }
  return RULE.test(line) ? { block: { type: 'rule' }, next: at + 1 } : undefined;
}

function quote(lines: string[], at: number, depth: number): Read | undefined {
  const body: string[] = [];
  let next = at;
  for (let match = QUOTE.exec(lines[next] ?? ''); match; match = QUOTE.exec(lines[next] ?? '')) {
    body.push(match[1] as string);
    next += 1;
  }
  if (body.length === 0) return undefined;
  return { block: { type: 'quote', blocks: parseBlocks(body.join('\n'), depth + 1) }, next };
}

function list(lines: string[], at: number, depth: number): Read | undefined {
  const first = ITEM.exec(lines[at] as string);
  if (!first) return undefined;
  const ordered = first[3] !== undefined;
  const items: string[][] = [];
  let next = at;
  let inset = 0;
  for (; next < lines.length; next++) {
    const line = lines[next] as string;
    const item = ITEM.exec(line);
    if (item && (item[3] !== undefined) === ordered && !RULE.test(line)) {
      inset = (item[1] as string).length + (item[2] as string).length + 1;
      items.push([item[5] as string]);
      continue;
    }
    const isIndented = line.startsWith(' '.repeat(inset)) && line.trim() !== '';
    const isBlank = line.trim() === '';
    const following = lines[next + 1] ?? '';
    const goesOn =
      isBlank && (following.startsWith(' '.repeat(inset)) || ITEM.test(following)) && following.trim() !== '';
    if (!isIndented && !goesOn) {
      if (isBlank || startsBlock(line)) break;
    }
    items.at(-1)?.push(isIndented ? line.slice(inset) : line.trim());
  }
  return {
    block: {
      type: 'list',
      ordered,
      start: ordered ? Number(first[3]) : 1,
      items: items.map((item) => parseBlocks(item.join('\n'), depth + 1)),
    },
    next,
  };
}

function table(lines: string[], at: number): Read | undefined {
  const head = lines[at] as string;
  if (!head.includes('|') || !TABLE_LINE.test(lines[at + 1] ?? '')) return undefined;
  const rows: string[][] = [];
  let next = at + 2;
  for (; next < lines.length && (lines[next] as string).includes('|'); next++) rows.push(cells(lines[next] as string));
  return { block: { type: 'table', head: cells(head), rows }, next };
}

function cells(line: string): string[] {
  return line
    .trim()
    .replace(/^\||\|$/g, '')
    .split('|')
    .map((cell) => cell.trim());
}

function paragraph(lines: string[], at: number): Read {
  const body = [(lines[at] as string).trim()];
  let next = at + 1;
  for (; next < lines.length; next++) {
    const line = lines[next] as string;
    if (line.trim() === '' || startsBlock(line)) break;
    body.push(line.trim());
  }
  return { block: { type: 'paragraph', text: body.join('\n') }, next };
}

function startsBlock(line: string): boolean {
  return HEADING.test(line) || FENCE.test(line) || RULE.test(line) || QUOTE.test(line) || ITEM.test(line);
}
