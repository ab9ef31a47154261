import { Readable } from 'node:stream';
import { type Context, Hono } from 'hono';
import * as z from 'zod';
import { archiveTableName } from '../../domain/dataset.ts';
import { jsonOf } from '../../domain/long.ts';
import { total } from '../../domain/versions/receipt.ts';
import { readCatalog } from '../lake/catalog.ts';
import { queryLake } from '../lake/lake.ts';
import { describeUnseen } from '../lake/tables/unseen.ts';
import { objectHistory } from '../ledger/explain.ts';
import { explainRecord, type RecordTrace, versionToExplain } from '../ledger/explain-record.ts';
import { entryOf } from '../ledger/ledger.ts';
import { type ListedReject, rejects } from '../ledger/rejects/rejects.ts';
import { stateText, troubleText, unknownFieldsText } from '../ledger/states/describe-state.ts';
import type { KeyState } from '../ledger/states/key-state.ts';
import { isStuck } from '../ledger/states/object-state.ts';
import { stackOption } from '../options/chosen-target.ts';
import type { Target } from '../target/target.ts';
import { UserError } from '../terminal/user-error.ts';
import * as actions from './actions.ts';
import { Live } from './live.ts';
import { marks, Objects } from './objects.ts';
import { Overviews } from './overview.ts';
import { dashboardPanels, type Panel, seriesOf } from './panels.ts';
import { Refreshed } from './refreshed.ts';

/** How a state is shown: by a colour and a sign of its own. */
export type Tone = 'waiting' | 'working' | 'done' | 'rejected' | 'failed';

/** The state of an object, in the words that `status` prints. */
export interface ShownState extends KeyState {
  readonly text: string;
  readonly tone: Tone;
  /** What is amiss and what helps. */
  readonly why: string | undefined;
  readonly filteredInAll: number;
  readonly rejectedInAll: number;
}

export interface RejectsAnswer {
  readonly rejects: readonly ListedReject[];
  /** How many records each code has, over all that fit, by receipts. */
  readonly codes: readonly { readonly code: string; readonly records: number }[];
  readonly records: number;
  readonly problems: readonly string[];
}

export interface TableAnswer {
  readonly name: string;
  /** Whether it is of the archive, not of the lake. */
  readonly isArchive: boolean;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
}

export interface QueryAnswer {
  readonly columns: readonly { readonly name: string; readonly numeric: boolean }[];
  readonly rows: readonly (readonly unknown[])[];
  /** Whether there are more rows. */
  readonly cut: boolean;
  readonly notes: readonly string[];
  readonly tookMs: number;
}

export type HistoryAnswer = Omit<Awaited<ReturnType<typeof objectHistory>>, 'work' | 'state'> & {
  readonly state: ShownState | undefined;
  readonly work: readonly Omit<Awaited<ReturnType<typeof objectHistory>>['work'][number], 'receipts'>[];
};

/** An error that the page shows: what happened, and what helps. */
export interface ErrorAnswer {
  readonly error: { readonly code: string; readonly message: string };
}

const PAGE = 50;
const MOST_REJECTS = 200;
const MOST_ROWS = 1_000;
/** A value of a row is cut at this length: a page of megabytes helps nobody. */
const LONGEST_VALUE = 10_000;
const LOGS_BACK_MS = 86_400_000;
const PANELS_MS = 60_000;
const MOST_KEYS = 200;

const whole = (most: number, byDefault: number) =>
  z.coerce.number().int().min(0).max(most).default(byDefault);
const key = z.string().min(1).max(1024);
const inputs = {
  objects: z.object({
    search: z.string().max(1024).default(''),
    mark: z.enum(marks).optional(),
    offset: whole(Number.MAX_SAFE_INTEGER, 0),
    limit: whole(PAGE, PAGE),
  }),
  states: z.strictObject({ keys: z.array(key).max(MOST_KEYS) }),
  object: z.object({ key }),
  record: z.object({ key, record: z.coerce.number().int().min(1) }),
  rejects: z.object({ key: key.optional(), code: z.string().optional(), dataset: z.string().optional() }),
  series: z.object({ hours: z.coerce.number().min(0.1).max(336).default(3) }),
  query: z.strictObject({ sql: z.string().min(1).max(100_000) }),
};

/**
 * What the page asks. Each answer comes from the function that the command of the same purpose uses, through
 * AWS's own APIs: the same for a stack on AWS and for the local cloud.
 */
export function api(target: Target): { readonly app: Hono; close(): void } {
  const objects = new Objects(target);
  const live = new Live(target, ({ key: of }) => objects.touch(of));
  const overviews = new Overviews(target, live);
  const panels = new Refreshed(() => dashboardPanels(target), PANELS_MS);
  const app = new Hono();

  app.get('/overview', async (context) => context.json(await overviews.get()));

  app.get('/objects', async (context) => context.json(await objects.page(asked(context, inputs.objects))));
  app.post('/states', async (context) => {
    const { keys } = await sent(context, inputs.states);
    return context.json((await objects.states(keys)).map(shown));
  });
  app.get('/object', async (context) => {
    const { key: of } = asked(context, inputs.object);
    const { work, state, ...history } = await objectHistory(target, of, Date.now() - LOGS_BACK_MS);
    if (history.versions.length === 0 && history.entry === undefined && history.moments.length === 0)
      throw new UserError(`There is no history of ${of}: it was never in the raw bucket.`);
    const answer: HistoryAnswer = {
      ...history,
      state: state && shown(state),
      work: work.map(({ receipts: _, ...each }) => each),
    };
    return context.json(answer);
  });
  app.get('/record', async (context) => {
    const { key: of, record } = asked(context, inputs.record);
    // A row may have 64-bit integers.
    const trace = jsonOf(await traceOf(target, of, record));
    return context.body(trace, 200, { 'content-type': 'application/json' });
  });
  app.get('/rejects', async (context) =>
    context.json(await rejectsOf(target, asked(context, inputs.rejects))),
  );

  app.get('/dead-letters', async (context) => context.json(await actions.deadLetters(target)));
  app.post('/redrive', async (context) => {
    const done = await actions.redrive(target, await sent(context, actions.redriveRequest));
    overviews.renew();
    return context.json(done);
  });
  app.post('/replay', async (context) => {
    const request = await sent(context, actions.replayRequest);
    const done = await actions.replay(target, request);
    for (const each of request.keys) objects.touch(each);
    return context.json(done);
  });
  app.get('/runs', async (context) => context.json(await overviews.runs()));
  app.post('/backfill', async (context) => {
    const done = await actions.backfill(target, await sent(context, actions.backfillRequest));
    overviews.renew();
    return context.json(done);
  });
  app.put('/upload', async (context) => {
    const { key: of } = asked(context, actions.uploadRequest);
    const { body } = context.req.raw;
    const done = await actions.upload(
      target,
      of,
      body === null ? Readable.from([]) : Readable.fromWeb(body as never),
    );
    objects.touch(of);
    objects.renew();
    return context.json(done);
  });

  app.get('/panels', async (context) => {
    const { value } = await panels.get();
    return context.json(value.map(({ queries: _, ...panel }): Panel => panel));
  });
  app.get('/panels/:index', async (context) => {
    const panel = (await panels.get()).value[Number(context.req.param('index'))];
    if (panel === undefined) throw new UserError('There is no such panel.');
    return context.json(await seriesOf(target, panel, asked(context, inputs.series).hours));
  });

  app.get('/tables', async (context) => {
    const tables = await readCatalog(target);
    const archives = new Set(target.registry.all.map(({ name }) => archiveTableName(name)));
    return context.json(
      tables.map(
        ({ name, columns, partitionKeys }): TableAnswer => ({
          name,
          isArchive: archives.has(name),
          columns: [...columns, ...partitionKeys],
        }),
      ),
    );
  });
  app.post('/query', async (context) => {
    const { sql } = await sent(context, inputs.query);
    const begun = performance.now();
    const limits = { rows: MOST_ROWS, signal: context.req.raw.signal };
    const {
      columns,
      rows,
      cut: isCut = false,
      problems = [],
      unseen = [],
    } = await queryLake(target, sql, () => {}, limits);
    const answer: QueryAnswer = {
      columns,
      rows: rows.map((row) => row.map(cut)),
      cut: isCut,
      notes: [...problems, ...unseen.map((each) => describeUnseen(each, stackOption(target)))],
      tookMs: performance.now() - begun,
    };
    return context.json(answer);
  });

  app.all('*', (context) => context.json(errorOf('not_found', 'There is no such thing here.'), 404));
  app.onError((error, context) => {
    if (error instanceof z.ZodError) return context.json(errorOf('bad_request', z.prettifyError(error)), 400);
    if (error instanceof UserError) return context.json(errorOf('refused', error.message), 422);
    return context.json(errorOf(error.name, error.message), 502);
  });
  return { app, close: () => live.close() };
}

const errorOf = (code: string, message: string): ErrorAnswer => ({ error: { code, message } });

const asked = <Schema extends z.ZodType>(context: Context, schema: Schema): z.output<Schema> =>
  schema.parse(context.req.query());

async function sent<Schema extends z.ZodType>(context: Context, schema: Schema): Promise<z.output<Schema>> {
  let body: unknown;
  try {
    body = await context.req.json();
  } catch {
    throw new UserError('The request has no JSON document.');
  }
  return schema.parse(body);
}

function shown(state: KeyState): ShownState {
  const facts = [troubleText(state), state.fault?.message, unknownFieldsText(state), ...state.notes].filter(
    Boolean,
  );
  return {
    ...state,
    text: stateText(state),
    tone: toneOf(state),
    why: facts.join(' ') || undefined,
    filteredInAll: total(state.filtered),
    rejectedInAll: total(state.rejected),
  };
}

function toneOf(state: KeyState): Tone {
  const { stage, fault, trouble, extracting, finished } = state;
  if (isStuck(state) || ['failed', 'unreadable'].includes(stage)) return 'failed';
  if (stage === 'rejected' || fault !== undefined || trouble !== undefined) return 'rejected';
  if (['done', 'superseded', 'retracted', 'ignored'].includes(stage))
    return total(state.rejected) > 0 ? 'rejected' : 'done';
  return extracting === true || finished > 0 ? 'working' : 'waiting';
}

async function rejectsOf(
  target: Target,
  { key: of, code, dataset }: z.output<typeof inputs.rejects>,
): Promise<RejectsAnswer> {
  const found: ListedReject[] = [];
  const problems: string[] = [];
  const tally = new Map<string, number>();
  const request = {
    keys: of === undefined ? [] : [of],
    codes: code === undefined ? [] : [code],
    dataset,
    since: 0,
    limit: MOST_REJECTS,
    withRecord: true,
  };
  for await (const step of rejects(target, request)) {
    if ('reject' in step) found.push(withShortRecord(step.reject));
    else if ('work' in step)
      for (const [name, n] of Object.entries(step.work.rejected)) tally.set(name, (tally.get(name) ?? 0) + n);
    else problems.push(step.problem);
  }
  const codes = [...tally]
    .map(([name, records]) => ({ code: name, records }))
    .sort((a, b) => b.records - a.records);
  return { rejects: found, codes, records: codes.reduce((sum, each) => sum + each.records, 0), problems };
}

function withShortRecord(reject: ListedReject): ListedReject {
  const { record } = reject;
  return record === undefined ? reject : { ...reject, record: cutText(record) };
}

async function traceOf(target: Target, of: string, record: number): Promise<RecordTrace> {
  const known = await entryOf(target, of);
  const version = known && versionToExplain(known.entry);
  if (version === undefined) throw new UserError(`${of} has no active version.`);
  return explainRecord(target, version, record);
}

const cutText = (text: string) =>
  text.length <= LONGEST_VALUE ? text : `${text.slice(0, LONGEST_VALUE)}… (${text.length} characters in all)`;

function cut(value: unknown): unknown {
  if (typeof value === 'string') return cutText(value);
  if (typeof value !== 'object' || value === null) return value;
  const text = JSON.stringify(value);
  return text.length <= LONGEST_VALUE ? value : cutText(text);
}
