import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Registry } from '../../../domain/registry.ts';
import { projectDirectory } from '../directories.ts';

const folder = pathToFileURL(join(projectDirectory, 'datasets/')).href;
let generation = 0;

/** The datasets as their files are now: Node loads a module once, but one of another URL anew. */
export async function freshRegistry(): Promise<Registry> {
  generation += 1;
  const query = `?generation=${generation}`;
  const hooks = registerHooks({
    resolve: (specifier, context, next) => {
      const resolved = next(specifier, context);
      const isOurs = resolved.url.startsWith(folder) && context.parentURL?.endsWith(query);
      return isOurs ? { ...resolved, url: resolved.url + query } : resolved;
    },
  });
  try {
    const { registry } = (await import(`${folder}index.ts${query}`)) as { readonly registry: Registry };
    return registry;
  } finally {
    hooks.deregister();
  }
}
