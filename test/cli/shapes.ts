import { join } from 'node:path';
import ts from 'typescript';
import { projectDirectory } from '../../cli/target/directories.ts';
import { contentOf } from '../anchors.ts';

/** The documents that commands print with --json, as their page tells of them. */
const PAGE = 'docs/maintenance/json.md';

/** The types on the page. */
const declarations = [...contentOf(PAGE).matchAll(/^```ts\n(.*?)^```/gms)]
  .map(([, block = '']) => block)
  .join('\n');

export const headings = [...contentOf(PAGE).matchAll(/^### (.*)$/gm)].map(([, heading = '']) => heading);

/** The names of the types that no other type on the page refers to: they must be of documents. */
export function documentTypes(): string[] {
  const names = [...declarations.matchAll(/^type (\w+) =/gm)].map(([, name = '']) => name);
  const without = declarations.replace(/\/\/.*$/gm, '');
  return names.filter((name) => (without.match(new RegExp(`\\b${name}\\b`, 'g')) ?? []).length === 1);
}

/** The optional fields on the page that no document has. */
export function unseenFields(printed: ReadonlyMap<string, readonly unknown[]>): string[] {
  const all = JSON.stringify([...printed.values()]);
  const names = [...declarations.matchAll(/(\w+)\?:/g)].map(([, name = '']) => name);
  return [...new Set(names)].filter((name) => !all.includes(`"${name}":`)).sort();
}

/**
 * Compiles each document as a value of its type. So a field that a document has and its type does not, or
 * the reverse, is an error, however deep, as is a value of another type.
 *
 * @returns the errors
 */
export function misfits(printed: ReadonlyMap<string, readonly unknown[]>): string[] {
  const values = [...printed].flatMap(([type, documents]) =>
    documents.map((document, i) => `const ${type}${i}: ${type} = ${JSON.stringify(document)};`),
  );
  const file = join(projectDirectory, 'documents.ts');
  const source = `${declarations}\nexport {};\n${values.join('\n')}`;
  const options: ts.CompilerOptions = { strict: true, noEmit: true, lib: ['lib.es2024.d.ts'], types: [] };
  const host = ts.createCompilerHost(options);
  const { getSourceFile } = host;
  host.getSourceFile = (name, ...rest) =>
    name === file ? ts.createSourceFile(name, source, ts.ScriptTarget.ES2024) : getSourceFile(name, ...rest);
  const program = ts.createProgram([file], options, host);
  const errors = ts.getPreEmitDiagnostics(program).map(({ start = 0, messageText }) => {
    const [, type = ''] =
      /const (\w+?)\d+:/.exec(source.slice(source.lastIndexOf('\n', start), start + 1)) ?? [];
    return `${type}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
  });
  return [...new Set(errors)];
}
