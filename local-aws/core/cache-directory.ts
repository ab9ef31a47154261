import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Where what can be made again is kept, beside the installed packages. */
export const cacheDirectory = join(
  dirname(createRequire(import.meta.url).resolve('@pulumi/pulumi/package.json')),
  '../../.cache',
);
