import { parseSync } from 'vite';

export interface Import {
  specifier: string;
  line: number;
  /** `import type` and `export type`, which leave nothing behind at run time */
  typeOnly: boolean;
  kind: 'static' | 'dynamic' | 'url' | 'type';
}

/** A use of a name that the file does not declare: `fetch`, `Date.now`, `new Date()`. */
export interface GlobalUse {
  name: string;
  line: number;
}

export interface SourceFile {
  path: string;
  lines: number;
  imports: Import[];
  globals: GlobalUse[];
  /** nothing but re-exports */
  barrel: boolean;
}

type Node = { type: string; start: number; [key: string]: unknown };

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';

const globalObjects = new Set(['globalThis', 'window', 'self', 'global']);

export function parseSource(path: string, text: string): SourceFile {
  const { program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path} does not parse: ${errors[0]?.message}`);
  const starts = [0, ...[...text.matchAll(/\n/g)].map((match) => match.index + 1)];
  const lineAt = (offset: number) => starts.findLastIndex((start) => start <= offset) + 1;

  const imports: Import[] = [];
  const uses: GlobalUse[] = [];
  const declared = new Set<string>();

  const addImport = (source: unknown, kind: Import['kind'], typeOnly = false) => {
    if (isNode(source) && typeof source.value === 'string') {
      imports.push({ specifier: source.value, line: lineAt(source.start), typeOnly, kind });
    }
  };
  const declare = (pattern: unknown): void => {
    if (!isNode(pattern)) return;
    if (pattern.type === 'Identifier') declared.add(String(pattern.name));
    else if (pattern.type === 'AssignmentPattern') declare(pattern.left);
    else if (pattern.type === 'Property') declare(pattern.value);
    else if (pattern.type === 'TSParameterProperty') declare(pattern.parameter);
    else for (const child of children(pattern)) declare(child);
  };

  const visit = (node: Node, parent: Node | undefined): void => {
    switch (node.type) {
      case 'ImportDeclaration':
      case 'ExportNamedDeclaration':
      case 'ExportAllDeclaration':
        addImport(node.source, 'static', node.importKind === 'type' || node.exportKind === 'type');
        if (node.source) {
          for (const specifier of (node.specifiers ?? []) as Node[]) {
            if (node.type === 'ImportDeclaration') declare(specifier.local);
          }
          return;
        }
        break;
      case 'ImportExpression':
        addImport(node.source, 'dynamic');
        break;
      case 'TSImportType':
        addImport(node.source, 'type', true);
        return;
      case 'NewExpression': {
        const callee = nameOf(node.callee);
        const args = node.arguments as Node[];
        if (callee === 'URL' && isNode(args[1]) && text.slice(args[1].start).startsWith('import.meta.url')) {
          addImport(args[0], 'url');
        }
        if (callee === 'Date') {
          if (args.length === 0) uses.push({ name: 'new Date()', line: lineAt(node.start) });
          for (const arg of args) visit(arg, node);
          return;
        }
        break;
      }
      case 'VariableDeclarator':
        declare(node.id);
        break;
      case 'CatchClause':
        declare(node.param);
        break;
      case 'FunctionDeclaration':
      case 'FunctionExpression':
      case 'ArrowFunctionExpression':
      case 'ClassDeclaration':
      case 'ClassExpression':
        declare(node.id);
        for (const param of (node.params ?? []) as Node[]) declare(param);
        break;
      case 'Identifier':
        if (isReference(node, parent)) uses.push({ name: useOf(node, parent), line: lineAt(node.start) });
        return;
    }
    for (const child of children(node)) {
      if (!isType(child)) visit(child, node);
      else visitTypes(child);
    }
  };
  const visitTypes = (node: Node): void => {
    if (node.type === 'TSImportType') addImport(node.source, 'type', true);
    for (const child of children(node)) visitTypes(child);
  };

  visit(program as unknown as Node, undefined);
  const body = (program as unknown as { body: Node[] }).body;
  return {
    path,
    lines: text.split('\n').length - (text.endsWith('\n') ? 1 : 0),
    imports,
    globals: uses.filter((use) => !declared.has(/\w+/.exec(use.name.replace('new ', ''))?.[0] ?? '')),
    barrel: body.length > 0 && body.every((node) => node.type.startsWith('Export') && node.source),
  };
}

function children(node: Node): Node[] {
  return Object.values(node).flat().filter(isNode);
}

/** Types have no run time; expressions such as `x as T` and enums are not only types. */
function isType(node: Node): boolean {
  const expressions = ['TSAsExpression', 'TSNonNullExpression', 'TSSatisfiesExpression', 'TSInstantiationExpression'];
  return node.type.startsWith('TS') && ![...expressions, 'TSParameterProperty'].includes(node.type);
}

function nameOf(node: unknown): string | undefined {
  return isNode(node) && node.type === 'Identifier' ? String(node.name) : undefined;
}

function isReference(node: Node, parent: Node | undefined): boolean {
  if (!parent || parent.computed || parent.shorthand) return true;
  if (parent.type === 'MemberExpression') return parent.object === node || isGlobalObject(parent.object);
  return parent.key !== node && parent.label !== node;
}

function isGlobalObject(node: unknown): boolean {
  return globalObjects.has(nameOf(node) ?? '');
}

function useOf(node: Node, parent: Node | undefined): string {
  const name = String(node.name);
  const member = parent?.type === 'MemberExpression' && parent.object === node ? nameOf(parent.property) : undefined;
  if (parent?.type === 'CallExpression' && parent.callee === node && name === 'Date') return 'Date()';
  return member && !parent?.computed ? `${name}.${member}` : name;
}
