import { join } from 'node:path';
import * as z from 'zod';
import { commonVariables, type FunctionName, functionVariables } from '../../../domain/environment.ts';
import { jsonOf } from './child.ts';

/** Processor time (user and system) of importing a function's bundle in a new process, in ms. */
export async function importTime(name: FunctionName, file: string): Promise<number> {
  return z.number().parse(await imported(name, file));
}

/** The modules of a function's bundle that are imported before it can be invoked. */
export async function importedAtStart(name: FunctionName, file: string): Promise<readonly string[]> {
  return z.array(z.string()).parse(await imported(name, file, 'list'));
}

function imported(name: FunctionName, file: string, ...how: readonly string[]): Promise<unknown> {
  const variables = [...commonVariables, ...functionVariables[name]];
  return jsonOf(process.execPath, [join(import.meta.dirname, 'import-child.mjs'), file, ...how], {
    // Any value does: nothing is called.
    ...Object.fromEntries(variables.map((each) => [each, '5'])),
    LOG_LEVEL: 'INFO',
    AWS_REGION: 'us-east-1',
    AWS_LAMBDA_FUNCTION_NAME: name,
  });
}
