import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectDirectory } from '../cli/target/directories.ts';

export const contentOf = (path: string) => readFileSync(join(projectDirectory, path), 'utf8');

/** The names by which a page's headings are linked, as GitHub makes them; of one level, `##`, or of all. */
export const anchorsOf = (path: string, level = '#+') =>
  [...contentOf(path).matchAll(new RegExp(`^${level} (.*)$`, 'gm'))].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
