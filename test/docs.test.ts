import { existsSync, globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { projectDirectory } from '../cli/target/directories.ts';
import { anchorsOf, contentOf } from './anchors.ts';

const documents = ['README.md', 'CONTRIBUTING.md', ...globSync('docs/**/*.md', { cwd: projectDirectory })];
const folders =
  /`((?:cli|datasets|domain|examples|formats|handlers|infra|lake|local-aws|mysql|store|test)\/[\w./-]*)`/g;
/** Stands for any name, as in `datasets/NAME.ts`. */
const placeholder = /[A-Z]{2}/;

describe.each(documents)('%s', (document) => {
  const content = contentOf(document);

  test('links to files and headings that are there', () => {
    const links = [...content.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)];
    const broken = links.filter(([, path = '', anchor]) => {
      const target = path === '' ? document : join(dirname(document), path);
      if (!existsSync(join(projectDirectory, target))) return true;
      return anchor !== undefined && !anchorsOf(target).includes(anchor);
    });
    expect(broken.map(([link]) => link)).toEqual([]);
  });

  test('names folders and source files that are there', () => {
    const named = [...content.matchAll(folders)].map(([, path = '']) => path);
    const missing = named.filter(
      (path) =>
        !placeholder.test(path) &&
        !existsSync(join(projectDirectory, path)) &&
        // The reader creates it: its content is in the document, in a block with its name.
        !new RegExp(`^\`\`\`\\w+ ${path}$`, 'm').test(content),
    );
    expect(missing).toEqual([]);
  });
});

test('the index links to every document, and the README to the index', () => {
  const index = contentOf('docs/README.md');
  const missing = documents.filter(
    (document) =>
      !['README.md', 'docs/README.md'].includes(document) &&
      !index.includes(
        `](${document.startsWith('docs/') ? document.slice('docs/'.length) : `../${document}`})`,
      ),
  );
  expect(missing).toEqual([]);
  expect(contentOf('README.md')).toContain('](docs/README.md)');
});
