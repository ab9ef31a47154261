import * as z from 'zod';
import { json } from './json.ts';

const text = z.string();
const expression = text.regex(/^\{%[\s\S]*%\}$/, 'must be an expression, {% … %}');
const seconds = z.union([z.int().positive(), expression]);
const assign = z.record(text, json).optional();
const step = { Comment: text.optional(), Assign: assign, Output: json.optional() };

const retrier = z.strictObject({
  ErrorEquals: z.array(text).min(1),
  IntervalSeconds: z.int().positive().default(1),
  BackoffRate: z.number().min(1).default(2),
  MaxDelaySeconds: z.int().positive().optional(),
  MaxAttempts: z.int().nonnegative().default(3),
  JitterStrategy: z.enum(['FULL', 'NONE']).default('NONE'),
});
const catcher = z.strictObject({
  ErrorEquals: z.array(text).min(1),
  Assign: assign,
  Output: json.optional(),
  Next: text,
});

/** A state from which others follow. */
const passing = <Type extends string>(type: Type) =>
  z.strictObject({ Type: z.literal(type), ...step, Next: text.optional(), End: z.literal(true).optional() });
/** A state that may fail. */
const guarded = <Type extends string>(type: Type) =>
  passing(type).extend({ Retry: z.array(retrier).default([]), Catch: z.array(catcher).default([]) });

const pass = passing('Pass');
const task = guarded('Task').extend({
  Resource: text,
  Arguments: json.default({}),
  /** Twenty days, unlike AWS's three years: timers of Node hold no more than 24. */
  TimeoutSeconds: z.int().positive().max(1_728_000).default(1_728_000),
});
const choice = z.strictObject({
  Type: z.literal('Choice'),
  ...step,
  Choices: z
    .array(z.strictObject({ Condition: expression, Assign: assign, Output: json.optional(), Next: text }))
    .min(1),
  Default: text.optional(),
});
const wait = passing('Wait').extend({ Seconds: seconds });
const succeed = z.strictObject({
  Type: z.literal('Succeed'),
  Comment: text.optional(),
  Output: json.optional(),
});
const fail = z.strictObject({
  Type: z.literal('Fail'),
  Comment: text.optional(),
  Error: text.default('States.Failed'),
  Cause: text.default(''),
});
/** The states within branches and children: maps or branches can't be nested more than once. */
const inner = z.strictObject({
  StartAt: text,
  States: z.record(text, z.discriminatedUnion('Type', [pass, task, choice, wait, succeed, fail])),
});
const parallel = guarded('Parallel').extend({ Branches: z.array(inner).min(1) });
const map = guarded('Map').extend({
  Label: text,
  ItemReader: z.strictObject({
    Resource: z.enum(['arn:aws:states:::s3:listObjectsV2', 'arn:aws:states:::s3:getObject']),
    ReaderConfig: z.strictObject({ InputType: z.literal('JSON') }).optional(),
    Arguments: json,
  }),
  ItemBatcher: z.strictObject({
    MaxItemsPerBatch: z.int().positive(),
    MaxInputBytesPerBatch: z.int().positive().max(262_144).default(262_144),
    BatchInput: json.default({}),
  }),
  ItemProcessor: inner.extend({
    ProcessorConfig: z.strictObject({
      Mode: z.literal('DISTRIBUTED'),
      ExecutionType: z.literal('STANDARD'),
    }),
  }),
  MaxConcurrency: z.int().positive(),
  ToleratedFailurePercentage: z.number().min(0).max(100).default(0),
});

const state = z.discriminatedUnion('Type', [pass, task, choice, wait, succeed, fail, parallel, map]);
const flow = z.strictObject({ StartAt: text, States: z.record(text, state) });
const definition = flow.extend({
  Comment: text.optional(),
  QueryLanguage: z.literal('JSONata'),
  TimeoutSeconds: z.int().positive().optional(),
});

export type Flow = z.infer<typeof flow>;
export type State = z.infer<typeof state>;
export type TaskState = z.infer<typeof task>;
export type MapState = z.infer<typeof map>;
export type ParallelState = z.infer<typeof parallel>;
export type Retrier = z.infer<typeof retrier>;
export type Definition = z.infer<typeof definition>;

/**
 * Reads a definition in the part of the Amazon States Language that the local cloud interprets ("Step
 * Functions guide: Using Amazon States Language"). It refuses everything that it would otherwise ignore.
 *
 * @throws {Error} that names the state and the field
 */
export function parseDefinition(name: string, text: string): Definition {
  const parsed = definition.safeParse(JSON.parse(text));
  if (!parsed.success)
    throw new Error(`The local cloud can't run the state machine ${name}:\n${z.prettifyError(parsed.error)}`);
  checkTargets(name, parsed.data);
  return parsed.data;
}

function checkTargets(name: string, { StartAt, States }: Flow): void {
  const targets = Object.entries(States).flatMap(([from, state]) => [
    ...('Next' in state && state.Next !== undefined ? [[from, state.Next]] : []),
    ...('Catch' in state ? state.Catch.map(({ Next }) => [from, Next]) : []),
    ...(state.Type === 'Choice'
      ? [...state.Choices.map(({ Next }) => Next), ...(state.Default ? [state.Default] : [])].map((to) => [
          from,
          to,
        ])
      : []),
  ]);
  for (const [from, to = ''] of [['StartAt', StartAt], ...targets])
    if (!Object.hasOwn(States, to))
      throw new Error(`${name}: ${from} leads to "${to}", which is not a state.`);
  for (const state of Object.values(States)) {
    if (state.Type === 'Map') checkTargets(name, state.ItemProcessor);
    if (state.Type === 'Parallel') for (const branch of state.Branches) checkTargets(name, branch);
  }
}
