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

/**
 * How far a repeated look goes back. On AWS, lines arrive late and out of order; in the local cloud's logs
 * they are in order, and each line that is read again costs time.
 */
const LOOK_BACK_MS = { aws: 30_000, local: 1000 };
/** AWS refuses a signed request if the clocks differ by more than 15 minutes. */
const MOST_CLOCK_SKEW_MS = 900_000;

/** The lines of a log group, each once, however often it is looked at. */
export class LogTail {
  readonly #target: Target;
  readonly #group: string;
  readonly #pattern: string | undefined;
  readonly #lookBackMs: number;
  /** The lines of the time that will be looked at again. */
  readonly #seen = new Map<string, number>();
  #startTime: number;
  #newest: number;

  /** @param since milliseconds since the epoch @param pattern a filter pattern of CloudWatch Logs */
  constructor(target: Target, group: string, since: number, pattern?: string) {
    this.#target = target;
    this.#group = group;
    this.#pattern = pattern;
    this.#lookBackMs = target.control === undefined ? LOOK_BACK_MS.aws : LOOK_BACK_MS.local;
    this.#startTime = since;
    this.#newest = since;
  }

  /** The lines that are new since the last look. */
  async *look(signal?: AbortSignal): AsyncGenerator<FilteredLogEvent> {
    const input = {
      logGroupName: this.#group,
      startTime: this.#startTime,
      ...(this.#pattern !== undefined && { filterPattern: this.#pattern }),
    };
    const options = signal === undefined ? [] : [{ abortSignal: signal }];
    try {
      for await (const { events = [] } of paginateFilterLogEvents(
        { client: this.#target.logs },
        input,
        ...options,
      ))
        for (const event of events) {
          const { eventId = '', timestamp = 0 } = event;
          if (this.#seen.has(eventId)) continue;
          this.#seen.set(eventId, timestamp);
          this.#newest = Math.max(this.#newest, timestamp);
          yield event;
        }
    } catch (error) {
      // A function that never ran has no log group.
      if (!(error instanceof NoLogGroup)) throw error;
    }
    // By the lines' own times, since this machine's clock may be ahead.
    this.#startTime = Math.max(
      this.#startTime,
      this.#newest - this.#lookBackMs,
      Date.now() - MOST_CLOCK_SKEW_MS,
    );
    for (const [id, timestamp] of this.#seen) if (timestamp < this.#startTime) this.#seen.delete(id);
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
