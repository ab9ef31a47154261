import { text } from 'node:stream/consumers';
import type { Call } from '../../core/call.ts';
import type { Clock } from '../../core/clock.ts';
import { journalsIn } from '../../core/journal.ts';
import type { Metrics } from '../../core/metrics.ts';
import type { Service } from '../../http/service.ts';
import { account } from '../../iam/credentials.ts';
import { Store } from '../../s3/storage/store.ts';
import type { Json } from '../../stepfunctions/json.ts';
import { createStepFunctions } from '../../stepfunctions/service.ts';

export const machineArn = `arn:aws:states:us-east-1:${account}:stateMachine:machine`;
export const roleArn = `arn:aws:iam::${account}:role/machine`;
export const bucket = 'things';

/** What a function is asked, and what it answers; what it throws fails as a handler would that throws it. */
export type Answer = (payload: Json) => Json | Promise<Json>;

export interface MachineOptions {
  readonly definition: object;
  readonly clock: Clock;
  readonly function?: Answer;
  /** Where the journal lies; nothing is kept without. */
  readonly directory?: string;
  readonly keys?: readonly string[];
  readonly authorize?: (call: Call) => Promise<void>;
  readonly random?: () => number;
  readonly metrics?: Metrics;
}

/** One state machine over a bucket in memory and a function. */
export async function startMachine(options: MachineOptions) {
  const { clock, directory, keys = [], authorize = async () => {} } = options;
  const store = new Store({
    buckets: [{ name: bucket, eventBridge: false }],
    clock,
    region: 'us-east-1',
    accountId: account,
    publish: async () => {},
  });
  await store.start();
  for (const key of keys) await put(store, key, '');
  const refuse: Service = async () => ({ status: 501, body: '{"__type":"NotImplemented","message":""}' });
  let ids = 0;
  const states = createStepFunctions({
    stateMachines: [
      { name: 'machine', arn: machineArn, roleArn, definition: JSON.stringify(options.definition) },
    ],
    services: { lambda: functionService(options.function ?? (() => ({}))), sqs: refuse, glue: refuse },
    store,
    clock,
    authorize,
    ids: () => `id${ids++}`,
    metrics: options.metrics,
    ...(options.random && { random: options.random }),
    ...(directory !== undefined && {
      openJournal: journalsIn(directory),
    }),
  });
  await states.start();
  return { states, store };
}

/** Puts an object into the bucket. */
export async function put(store: Store, key: string, content: string): Promise<void> {
  const body = Buffer.from(content);
  const origin = { requester: account, requestId: 'r', sourceIp: '127.0.0.1' };
  async function* chunks() {
    if (body.length > 0) yield body;
  }
  await store.take(store.bucket(bucket), origin, chunks(), (blob) =>
    store.bucket(bucket).put(
      key,
      {
        size: body.length,
        etag: 'e',
        slices: [{ blob, size: body.length }],
        multipart: false,
        headers: {},
      },
      'PutObject',
      store.stamp(),
    ),
  );
}

/** Lambda, as far as an invocation goes. */
function functionService(answer: Answer): Service {
  return async ({ body }) => {
    try {
      const payload = JSON.parse(await text(body)) as Json;
      return { status: 200, headers: {}, body: JSON.stringify(await answer(payload)) };
    } catch (error) {
      const { name, message } = error as Error;
      return {
        status: 200,
        headers: { 'x-amz-function-error': 'Unhandled' },
        body: JSON.stringify({ errorType: name, errorMessage: message }),
      };
    }
  };
}

/** The states of a machine that has nothing but these. */
export const machineOf = (States: Readonly<Record<string, object>>) => ({
  QueryLanguage: 'JSONata',
  StartAt: Object.keys(States)[0],
  States,
});

/** A task that calls the function with its input. */
export const call = (more: object) => ({
  Type: 'Task',
  Resource: 'arn:aws:states:::lambda:invoke',
  Arguments: { FunctionName: 'f', Payload: '{% $states.input %}' },
  ...more,
});
