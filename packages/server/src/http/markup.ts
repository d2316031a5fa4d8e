/** Text that may stand in a page as it is. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = string | Markup | readonly Markup[];

/** HTML of a template. What is put in is escaped, for content and for quoted attributes, unless it is markup itself. */
export function html(template: TemplateStringsArray, ...parts: Part[]): Markup {
  return new Markup(template.reduce((text, piece, index) => text + textOf(parts[index - 1] as Part) + piece));
}

/** Markup that we wrote ourselves. */
html.raw = (text: string): Markup => new Markup(text);

function textOf(part: Part): string {
  if (typeof part === 'string') return part.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
  return part instanceof Markup ? part.text : part.map(({ text }) => text).join('');
}
