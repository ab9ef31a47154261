import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { deployedDatasets } from '../../datasets/index.ts';
import { bundle, root } from './bundle.ts';

/**
 * The version of each dataset's own code, by its name: the hash of its file and of what that imports, without
 * the domain and packages. It tells whether a dataset was changed. The code version of a function does not,
 * since it is of all datasets together.
 */
export async function datasetCode(): Promise<Record<string, string>> {
  const files = readdirSync(join(root, 'datasets'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && file !== 'index.ts')
    .map((file) => join('datasets', file));
  const entries = Object.fromEntries(files.map((file) => [file.slice(0, -'.ts'.length), file]));
  const bundles = await bundle(entries, {
    to: join(root, 'dist/own'),
    external: ['../domain/*', '../../domain/*'],
  });
  const versions: Record<string, string> = {};
  for (const file of files) {
    const exported: object = await import(pathToFileURL(join(root, file)).href);
    const version = bundles[file.slice(0, -'.ts'.length)]?.version ?? '';
    for (const value of Object.values(exported)) {
      const dataset = deployedDatasets.find((each) => each === value);
      if (dataset !== undefined) versions[dataset.name] = version;
    }
  }
  return versions;
}
