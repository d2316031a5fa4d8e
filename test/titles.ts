import { parseSync } from 'vite';

/** The titles of test(), it() and describe() in a file; what is skipped or only planned is none. */
export function titlesOf(path: string, source: string): string[] {
  const titles: string[] = [];
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) for (const child of node) visit(child);
    if (!isNode(node)) return;
    if (node.type === 'CallExpression') {
      const chain = chainOf(node.callee);
      if (/^(test|it|describe)$/.test(chain[0] ?? '') && !chain.some((name) => name === 'skip' || name === 'todo')) {
        titles.push(...stringsIn((node.arguments as unknown[])[0]));
      }
    }
    for (const child of Object.values(node)) visit(child);
  };
  visit(parseSync(path, source).program);
  return titles;
}

type Node = { type: string; [key: string]: unknown };

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';

/** `describe.skipIf(x)` → describe, skipIf */
function chainOf(node: unknown): string[] {
  if (!isNode(node)) return [];
  if (node.type === 'Identifier') return [String(node.name)];
  if (node.type === 'MemberExpression') return [...chainOf(node.object), ...chainOf(node.property)];
  return node.type === 'CallExpression' ? chainOf(node.callee) : [];
}

/** A title, or the titles in a table of cases; not the strings inside of functions. */
function stringsIn(node: unknown): string[] {
  if (Array.isArray(node)) return node.flatMap(stringsIn);
  if (!isNode(node) || /Function/.test(node.type)) return [];
  if (node.type === 'Literal') return typeof node.value === 'string' ? [node.value] : [];
  if (node.type === 'TemplateElement') return [String((node.value as { raw: string }).raw)];
  return Object.values(node).flatMap(stringsIn);
}
