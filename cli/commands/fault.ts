import { type Command, InvalidArgumentError, Option } from 'commander';
import { chosenTarget } from '../options/chosen-target.ts';
import { choice, milliseconds, whole } from '../options/options.ts';
import type { Control, Fault, FaultRequest } from '../target/control.ts';
import { queueName } from '../target/queue-state.ts';
import type { Target } from '../target/target.ts';
import { count, duration, integer, printable, printableJson, table } from '../terminal/terminal.ts';
import { UserError } from '../terminal/user-error.ts';

interface AimOptions {
  readonly nth: number;
  readonly times?: number;
  readonly always?: true;
  readonly share?: number;
  readonly seed?: number;
  readonly bucket?: string;
  readonly key?: string;
  readonly queue?: string;
  readonly function?: string;
  readonly json?: true;
}

const EXAMPLES = `
Examples:
  sluice fault add answer PutObject 503 --bucket temp --times 3   every try of an SDK client
  sluice fault add answer PutObject 409 --bucket ledger --share 0.1 --seed 7
  sluice fault add close PutObject --after --nth 2                the call takes effect, its answer is lost
  sluice fault add kill PutObject --after --function extraction   the function dies between effect and answer
  sluice fault add duplicate events --queue loading --always
  sluice fault add delay messages --queue extraction --by 30s
  sluice fault add reorder events --bucket raw --always
  sluice fault list
  sluice fault clear

A fault ends after --times hits, and at the latest when the local cloud stops. By default, SDK clients try a call three
times when it ends with 500, 503 or a closed connection, so a single such fault only shows in \`sluice fault list\`.`;

export function fault(program: Command): void {
  const parent = program
    .command('fault')
    .description(
      'inject faults into the local cloud: into calls, connections, functions, events and messages',
    )
    .addHelpText('after', EXAMPLES);
  const add = parent
    .command('add')
    .description('add a fault; by default it hits once: the next matching call, event or message')
    .addHelpText('after', EXAMPLES);
  const submit = async (request: FaultRequest, options: AimOptions) => {
    const target = await chosenTarget(program);
    const added = await controlOf(target).addFault({ ...request, ...aim(options, target) });
    console.log(options.json ? printableJson(added) : `Fault ${added.id}: ${printable(faultText(added))}.`);
  };

  withCallOptions(add.command('answer'))
    .description('answer a call with an error instead of performing it')
    .argument('<operation>', 'the API operation, e.g. PutObject')
    .argument(
      '<status>',
      '400 (throttled; not by S3), 403 (as if no policy allowed it), 409, 412 (S3’s conditional writes), 500 or 503',
      choice('400', '403', '409', '412', '500', '503'),
    )
    .action((operation: string, status: string, options: AimOptions) =>
      submit({ kind: 'answer', operation, status: Number(status) }, options),
    );
  for (const [kind, description] of [
    ['close', 'close the connection instead of answering'],
    ['kill', 'kill the function that makes a call, like a crash of its machine'],
  ] as const) {
    withCallOptions(add.command(kind))
      .description(description)
      .argument('<operation>', 'the API operation, e.g. PutObject')
      .option('--after', 'after the call has taken effect (default: before)')
      .action((operation: string, options: AimOptions & { after?: true }) =>
        submit({ kind, operation, when: options.after ? 'after' : 'before' }, options),
      );
  }
  withDeliveryOptions(add.command('duplicate'))
    .description('deliver more than once')
    .option('--copies <count>', 'how many extra copies', whole(1), 1)
    .action((of: 'events' | 'messages', options: AimOptions & { copies: number }) =>
      submit({ kind: 'duplicate', of, copies: options.copies }, options),
    );
  withDeliveryOptions(add.command('delay'))
    .description('deliver later')
    .requiredOption('--by <duration>', 'e.g. 500ms, 30s, 5m', milliseconds)
    .action((of: 'events' | 'messages', options: AimOptions & { by: number }) =>
      submit({ kind: 'delay', of, delayMs: options.by }, options),
    );
  withDeliveryOptions(add.command('reorder'))
    .description('hold back every second one, so that the next overtakes it')
    .option('--by <duration>', 'how long, e.g. 500ms, 30s (default: 1s)', milliseconds, 1000)
    .action((of: 'events' | 'messages', options: AimOptions & { by: number }) =>
      submit({ kind: 'reorder', of, delayMs: options.by }, options),
    );

  parent
    .command('list')
    .description('list the faults and how often each one hit')
    .option('--json', 'as JSON')
    .action(async (options: { json?: true }) => {
      const faults = await controlOf(await chosenTarget(program)).faults();
      if (options.json) console.log(printableJson(faults, 2));
      else console.log(faults.length === 0 ? 'There are no faults.' : faultTable(faults));
    });
  parent
    .command('clear')
    .description('remove these faults, or all')
    .argument('[id...]', 'ids from `sluice fault list`')
    .option('--json', 'print the faults that were removed as JSON')
    .action(async (ids: string[], options: { json?: true }) => {
      const control = controlOf(await chosenTarget(program));
      const cleared = await control.clearFaults(ids.length > 0 ? ids : undefined);
      if (options.json) console.log(printableJson(cleared, 2));
      else if (cleared.length === 0) console.log('There are no faults.');
      else
        for (const each of cleared)
          console.log(`Cleared fault ${each.id}: ${printable(faultText(each))}${hitsText(each)}.`);
    });
}

function controlOf({ control }: Target): Control {
  if (control === undefined) {
    throw new UserError(
      'Faults can only be injected into the local cloud, not into AWS. Leave out --stack and unset SLUICE_STACK.',
    );
  }
  return control;
}

function withAimOptions(command: Command): Command {
  return command
    .option('--nth <n>', 'begin with the n-th match', whole(1), 1)
    .addOption(
      new Option(
        '--times <count>',
        'how many matches to hit (default: 1; with --share, until cleared)',
      ).argParser(whole(1)),
    )
    .addOption(new Option('--always', 'hit every match until cleared').conflicts('times'))
    .option('--share <fraction>', 'hit each match with this probability, e.g. 0.1', fraction)
    .option('--seed <number>', 'seed of --share: the same seed hits the same matches', whole(0))
    .option('--bucket <bucket>', 'only on this bucket: its name, or raw, temp, …')
    .option('--queue <queue>', 'only on this queue: its name, or its stage')
    .option('--json', 'print the fault as JSON');
}

function withCallOptions(command: Command): Command {
  return withAimOptions(command)
    .option('--key <prefix>', 'only on keys with this prefix; needs --bucket')
    .option('--function <function>', 'only calls by this function: its name, or its stage');
}

function withDeliveryOptions(command: Command): Command {
  return withAimOptions(command).argument(
    '<what>',
    'events (on their way to the queues) or messages',
    choice('events', 'messages'),
  );
}

function aim(options: AimOptions, { outputs }: Target): FaultRequest {
  const { nth, times, always, share, seed, bucket, key, queue } = options;
  if (bucket !== undefined && queue !== undefined) throw new UserError('Choose either --bucket or --queue.');
  if (key !== undefined && bucket === undefined) throw new UserError('--key needs --bucket.');
  const bucketName = resourceName(outputs.buckets, bucket);
  const queueUrl = resourceName(outputs.queues, queue);
  const name = resourceName(outputs.functions, options.function);
  const resource =
    bucketName === undefined
      ? queueUrl && `arn:aws:sqs:${outputs.region}:000000000000:${queueName(queueUrl)}`
      : `arn:aws:s3:::${bucketName}${key === undefined ? '' : `/${key}`}`;
  return {
    skip: nth - 1,
    times: times ?? (always || share !== undefined ? null : 1),
    ...(share !== undefined && { share }),
    ...(seed !== undefined && { seed }),
    ...(name !== undefined && { function: name }),
    ...(resource !== undefined && { resource }),
  };
}

/** The resource's name for a stage or purpose; any other text is a name already. */
function resourceName(all: Readonly<Record<string, string>>, asked: string | undefined): string | undefined {
  return asked === undefined ? undefined : (all[asked] ?? asked);
}

function fraction(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 1)) throw new InvalidArgumentError('Expected a number above 0 and at most 1.');
  return value;
}

const hitsText = ({ hits }: Fault) => `; it hit ${hits === 0 ? 'nothing' : count(hits, 'time')}`;

/** A fault in words: `answer PutObject with 503 on raw-local/recipes/, 3 times`. */
function faultText(each: Fault): string {
  const { kind, operation, status, when, of, copies, delayMs = 0, resource, skip, times, share } = each;
  const what = {
    answer: `answer ${operation} with ${status}`,
    close: `close the connection ${when} ${operation}`,
    kill: `kill the function ${when} ${operation}`,
    duplicate: `deliver ${of} ${copies} more ${copies === 1 ? 'time' : 'times'}`,
    delay: `delay ${of} by ${duration(delayMs)}`,
    reorder: `hold back every second one of the ${of} by ${duration(delayMs)}`,
  }[kind];
  return [
    what,
    resource === undefined ? '' : ` on ${resource.replace(/^arn:(?:[^:]*:){4}/, '')}`,
    each.function === undefined ? '' : ` of ${each.function}`,
    skip === 0 ? '' : `, from number ${skip + 1} on`,
    share === 1 ? '' : `, ${share * 100} % of them (seed ${each.seed})`,
    times === null ? ', until cleared' : times === 1 ? ', once' : `, ${times} times`,
  ].join('');
}

function faultTable(faults: readonly Fault[]): string {
  return table(faults, [
    { title: 'ID', value: ({ id }) => id, align: 'right' },
    { title: 'FAULT', value: (each) => printable(faultText(each)) },
    { title: 'MATCHES', value: ({ seen }) => integer(seen), align: 'right' },
    { title: 'HITS', value: ({ hits }) => integer(hits), align: 'right' },
    {
      title: 'STATE',
      value: ({ ended }) => (ended ? 'ended' : 'active'),
      style: ({ ended }) => (ended ? 'dim' : undefined),
    },
  ]);
}
