import * as z from 'zod';
import { type Authorize, authorizeAction, type Caller } from '../core/call.ts';
import type { Glue } from './glue.ts';

/** StartCrawler as the universal target of a schedule calls it, with the API's input as JSON. */
export function startCrawler(
  glue: Pick<Glue, 'crawler' | 'startCrawler'>,
  authorize: Authorize,
): (input: string, caller: Caller) => Promise<void> {
  return async (input, caller) => {
    const { Name } = z.object({ Name: z.string() }).parse(JSON.parse(input));
    const resource = glue.crawler(Name).settings.arn;
    await authorizeAction(authorize, caller, 'glue:StartCrawler', resource);
    glue.startCrawler(Name);
  };
}
