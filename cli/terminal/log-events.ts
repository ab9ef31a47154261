import {
  type FilteredLogEvent,
  ResourceNotFoundException as NoLogGroup,
  paginateFilterLogEvents,
} from '@aws-sdk/client-cloudwatch-logs';
import { GetFunctionConfigurationCommand, ResourceNotFoundException } from '@aws-sdk/client-lambda';
import type { Target } from '../target/target.ts';
import { UserError } from './user-error.ts';

/** The log group of a function. @throws {UserError} when there is no such function */
export async function logGroupOf({ lambda, outputs }: Target, name: string): Promise<string> {
  try {
    const { LoggingConfig } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: name }));
    return LoggingConfig?.LogGroup ?? `/aws/lambda/${name}`;
  } catch (error) {
    if (!(error instanceof ResourceNotFoundException)) throw error;
    const known = Object.entries(outputs.functions).map(([stage, each]) => `  ${stage} (${each})`);
    throw new UserError(`There is no function ${name}. The functions are:\n${known.join('\n')}`);
  }
}

/** A text as one quoted term of a filter pattern ("Filter pattern syntax"). */
export function quotedTerm(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/**
 * Lines of a log group that contain a text.
 *
 * @param most how many lines to read at most
 * @param patience how long to read at most, in milliseconds
 * @returns the lines, and whether these are all
 */
export async function linesWith(
  { logs }: Target,
  logGroupName: string,
  { text, startTime }: { readonly text: string; readonly startTime: number },
  { most, patience }: { readonly most: number; readonly patience: number },
): Promise<{ readonly lines: readonly FilteredLogEvent[]; readonly complete: boolean }> {
  const lines: FilteredLogEvent[] = [];
  const end = Date.now() + patience;
  const pages = paginateFilterLogEvents(
    { client: logs },
    { logGroupName, startTime, filterPattern: quotedTerm(text) },
  );
  try {
    for await (const { events = [] } of pages) {
      lines.push(...events.slice(0, most - lines.length));
      if (lines.length >= most || Date.now() > end) return { lines, complete: false };
    }
  } catch (error) {
    // A function that never ran has no log group.
    if (!(error instanceof NoLogGroup)) throw error;
  }
  return { lines, complete: true };
}
