import { glueService } from './api.ts';
import { Glue, type GlueOptions } from './glue.ts';

/** Makes the Data Catalog with its crawlers and their API. */
export function createGlue(options: GlueOptions) {
  const glue = new Glue(options);
  return Object.assign(glue, { name: 'glue', handle: glueService({ ...options, glue }) });
}
