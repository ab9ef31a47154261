import type { ServedService } from '../core/cloud-service.ts';
import type { DescribedService } from '../http/operation.ts';
import { glueService } from './api.ts';
import { Glue, type GlueOptions } from './glue.ts';

/** Creates the Data Catalog with its crawlers and their API. */
export function createGlue(options: GlueOptions): Glue & ServedService<DescribedService> {
  const glue = new Glue(options);
  return Object.assign(glue, { name: 'glue', handle: glueService({ ...options, glue }) });
}
