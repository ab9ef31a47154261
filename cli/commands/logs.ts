import { setTimeout as sleep } from 'node:timers/promises';
import { type FilteredLogEvent, paginateFilterLogEvents } from '@aws-sdk/client-cloudwatch-logs';
import type { Command } from 'commander';
import { chosenTarget } from '../options/chosen-target.ts';
import { milliseconds } from '../options/options.ts';
import type { Target } from '../target/target.ts';
import { logGroupOf, quotedTerm } from '../terminal/log-events.ts';
import { renderLogLine } from '../terminal/log-line.ts';
import { printableJson } from '../terminal/terminal.ts';

interface LogsOptions {
  readonly follow?: boolean;
  readonly since: number;
  readonly filter?: string;
  readonly all?: boolean;
  readonly json?: true;
}

/** How often `--follow` asks for new lines. FilterLogEvents allows an account 5 to 25 requests a second. */
const POLL_MS = 1000;
/**
 * How far `--follow` looks back, since lines arrive late and out of order on AWS. It skips lines already
 * shown.
 */
const LOOK_BACK_MS = 30_000;

export function logs(program: Command): void {
  program
    .command('logs')
    .description('show the log of a function')
    .argument('<function>', 'a stage (extraction, transformation, loading) or the name of a function')
    .option('-f, --follow', 'keep showing new lines until Ctrl-C')
    .option(
      '--since <duration>',
      'how far back to start, e.g. 30s, 10m, 2h, 1d (default: 10m)',
      milliseconds,
      600_000,
    )
    .option('--filter <text>', 'only lines that contain this text')
    .option('--all', 'also show metrics and the START, END and REPORT lines of each invocation')
    .option('--json', 'print the log events unchanged, one JSON document per line')
    .action(async (asked: string, options: LogsOptions) => {
      const target = await chosenTarget(program);
      const names: Readonly<Record<string, string>> = target.outputs.functions;
      const group = await logGroupOf(target, Object.hasOwn(names, asked) ? (names[asked] ?? asked) : asked);
      const ended = new AbortController();
      if (options.follow) process.once('SIGINT', () => ended.abort()).once('SIGTERM', () => ended.abort());
      try {
        for await (const event of events(target, group, options, ended.signal)) printEvent(event, options);
      } catch (error) {
        if (!ended.signal.aborted) throw error;
      }
    });
}

async function* events(
  { logs }: Target,
  logGroupName: string,
  { since, follow = false, filter }: LogsOptions,
  signal: AbortSignal,
): AsyncGenerator<FilteredLogEvent> {
  const filterPattern = filter === undefined ? undefined : quotedTerm(filter);
  const shown = new Map<string, number>();
  let startTime = Date.now() - since;
  for (;;) {
    const pages = paginateFilterLogEvents(
      { client: logs },
      { logGroupName, startTime, ...(filterPattern !== undefined && { filterPattern }) },
    );
    for await (const { events = [] } of pages) {
      for (const event of events) {
        const { eventId = '', timestamp = 0 } = event;
        if (shown.has(eventId)) continue;
        if (follow) shown.set(eventId, timestamp);
        yield event;
      }
    }
    if (!follow) return;
    startTime = Math.max(startTime, Date.now() - LOOK_BACK_MS);
    for (const [id, timestamp] of shown) if (timestamp < startTime) shown.delete(id);
    await sleep(POLL_MS, undefined, { signal });
  }
}

function printEvent(event: FilteredLogEvent, { json, all = false }: LogsOptions): void {
  const { eventId, timestamp = 0, logStreamName, message = '' } = event;
  const line = json
    ? printableJson({ eventId, timestamp, logStreamName, message })
    : renderLogLine(message, timestamp, all);
  if (line !== undefined) console.log(line);
}
