/** A stretch of a document under one heading. */
export interface Section {
  /** the headings that it stands under, outermost first */
  headings: string[];
  blocks: Block[];
}

/** A paragraph, list item or table row as plain text on one line; or code, as it was written. */
export interface Block {
  kind: 'prose' | 'code';
  text: string;
}

const FENCE = /^\s*(`{3,}|~{3,})/;
const HEADING = /^\s{0,3}(#{1,6})\s+(.*?)\s*#*\s*$/;
const HTML_HEADING = /^\s*<h([1-6])\b[^>]*>(.*?)<\/h\1>\s*$/i;
const QUOTE = /^\s{0,3}(?:>\s?)+/;
const UNDERLINE = /^\s{0,3}(=+|-+)\s*$/;
const LIST_ITEM = /^\s*(?:[-*+]|\d{1,9}[.)])\s+/;
/** What `[text][name]` stands for, or a footnote's mark: nothing that a reader sees. */
const LINK_TARGET = /^\s{0,3}\[[^\]]+\]:\s*<?\S+>?(\s+["'(].*)?$/;
const TABLE_RULE = /^\s*\|?[\s:|-]*-{3,}[\s:|-]*$/;

/** Reads Markdown line by line: which headings a text stands under, where a paragraph ends, what is code. */
export function readMarkdown(source: string): Section[] {
  const reader = new Reader();
  let fence: string | undefined;
  let quoted = false;
  for (const written of withoutFrontMatter(source).split(/\r?\n/)) {
    const line = fence === undefined || quoted ? written.replace(QUOTE, '') : written;
    const mark = FENCE.exec(line)?.[1];
    if (fence !== undefined) {
      if (mark?.startsWith(fence) && line.trim() === mark) {
        fence = undefined;
        reader.endCode();
      } else reader.code(line);
    } else if (mark !== undefined) {
      fence = mark;
      quoted = QUOTE.test(written);
      reader.endParagraph();
    } else reader.line(line);
  }
  return reader.end();
}

/** Plain text: paragraphs with empty lines between them, no headings. */
export function readPlainText(source: string): Section[] {
  const blocks = source
    .split(/\r?\n\s*\r?\n/)
    .map(oneLine)
    .filter((text) => text !== '');
  return blocks.length === 0 ? [] : [{ headings: [], blocks: blocks.map((text): Block => ({ kind: 'prose', text })) }];
}

class Reader {
  #sections: Section[] = [];
  #path: { level: number; title: string }[] = [];
  #blocks: Block[] = [];
  #paragraph: string[] = [];
  #code: string[] = [];

  line(line: string): void {
    const html = HTML_HEADING.exec(line);
    if (html) return this.#heading(Number(html[1]), html[2] ?? '');
    const heading = HEADING.exec(line);
    if (heading) return this.#heading(heading[1]?.length ?? 1, heading[2] ?? '');
    const underline = UNDERLINE.exec(line)?.[1];
    if (underline && this.#paragraph.length > 0) {
      const title = this.#paragraph.join(' ');
      this.#paragraph = [];
      return this.#heading(underline.startsWith('=') ? 1 : 2, title);
    }
    if (line.trim() === '' || TABLE_RULE.test(line) || LINK_TARGET.test(line)) return this.endParagraph();
    if (LIST_ITEM.test(line) || line.trimStart().startsWith('|')) this.endParagraph();
    this.#paragraph.push(line.replace(LIST_ITEM, ''));
  }

  code(line: string): void {
    this.#code.push(line);
  }

  endCode(): void {
    const text = this.#code.join('\n').trimEnd();
    this.#code = [];
    if (text.trim() !== '') this.#blocks.push({ kind: 'code', text });
  }

  endParagraph(): void {
    const text = plain(this.#paragraph.join(' '));
    this.#paragraph = [];
    if (text !== '') this.#blocks.push({ kind: 'prose', text });
  }

  end(): Section[] {
    this.endParagraph();
    this.endCode();
    this.#endSection();
    return this.#sections;
  }

  #heading(level: number, title: string): void {
    this.endParagraph();
    this.#endSection();
    while ((this.#path.at(-1)?.level ?? 0) >= level) this.#path.pop();
    const text = plain(title).replaceAll('`', '');
    if (text !== '') this.#path.push({ level, title: text });
  }

  #endSection(): void {
    if (this.#blocks.length > 0) {
      this.#sections.push({ headings: this.#path.map((heading) => heading.title), blocks: this.#blocks });
    }
    this.#blocks = [];
  }
}

/** What a reader sees of a line: links by their text, no tags, no emphasis; code keeps its back-ticks. */
function plain(line: string): string {
  const parts = withoutLinks(line).split(/(`[^`]*`)/);
  const seen = parts.map((part, place) => (place % 2 === 1 ? part : withoutMarks(part)));
  return oneLine(seen.join(''));
}

function withoutLinks(text: string): string {
  return text.replace(/!?\[([^\][]*)\]\([^()\s]*(?:\s+"[^"]*")?\)/g, '$1').replace(/!?\[([^\][]*)\]\[[^\][]*\]/g, '$1');
}

function withoutMarks(text: string): string {
  return text
    .replace(/<!--.*?-->/g, '')
    .replace(/<\/?[A-Za-z][^<>]{0,500}>/g, '')
    .replace(/(\*\*|__|\*(?=\S)|(?<=\S)\*)/g, '')
    .replace(/\|/g, ' ');
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

function withoutFrontMatter(source: string): string {
  return source.replace(/^\uFEFF?---\r?\n[\s\S]*?\r?\n---\r?\n/, '');
}
