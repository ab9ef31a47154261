import * as pulumi from '@pulumi/pulumi';
import * as z from 'zod';
import { accessLogs, dataEvents, permissionsBoundary, uploaders } from './access.ts';
import { catalogConfiguration, maintenanceConfiguration, warehouseConfiguration } from './catalog.ts';
import { database, forStack } from './database.ts';
import { fromJson } from './from-json.ts';
import { connectionBudget, instanceClasses, usefulConcurrency } from './instance-classes.ts';
import { provider } from './provider.ts';
import { stage } from './stages.ts';
import { whole } from './whole.ts';
import { workflowConfiguration } from './workflows.ts';

/** The days that CloudWatch Logs accepts (API reference, PutRetentionPolicy). */
const logRetentions = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

/** Days. Messages wait up to 14 days in a queue or DLQ, and the objects that they name must exist as long. */
const atLeastTheQueues = whole(15, 3_650);

/** The program's keys, without their namespace. */
export const keys = z.strictObject({
  /** The person or team responsible for the stack; becomes a tag. */
  owner: z.string().min(1).max(256).default('sluice'),
  /** Whether `pulumi destroy` may delete buckets that still hold objects. */
  forceDestroy: fromJson(z.boolean().default(false)),
  /** Whether `pulumi destroy` leaves buckets and key on AWS and deletes everything else. */
  retain: fromJson(z.boolean().default(false)),
  logLevel: z.enum(['DEBUG', 'INFO', 'WARN', 'ERROR']).default('INFO'),
  /** Days. */
  logRetention: fromJson(
    z
      .int()
      .refine((days) => logRetentions.includes(days), `must be one of ${logRetentions.join(', ')}`)
      .default(30),
  ),
  /** Days after which objects in the temp bucket expire. */
  tempExpiry: fromJson(atLeastTheQueues.default(21)),
  /** Days for which overwritten and deleted versions are kept. */
  oldVersionExpiry: fromJson(atLeastTheQueues.default(30)),
  /** Days after which the archive moves to Glacier. */
  glacierAfter: fromJson(whole(1, 3_650).default(90)),
  /** Days for which a table's snapshots are kept, for queries of the past. */
  snapshotDays: fromJson(whole(1, 3_650).default(7)),
  /** The SNS topic for alarms. Without it, alarms only change state and notify nobody. */
  alarmTopicArn: z
    .string()
    .regex(/^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}$/, 'must be the ARN of an SNS topic')
    .optional(),
  /** The address of docs/runbooks.md, which the descriptions of alarms link to. */
  runbooks: z
    .string()
    .max(500)
    .regex(
      /^(https:\/\/[^\s#]+|docs\/runbooks\.md)$/,
      'must be the https:// address of a page, without an anchor',
    )
    .default('docs/runbooks.md'),
  /** Limits every role of the stack. */
  permissionsBoundary,
  /** Whether log groups are encrypted with the stack's key, as all else is. */
  encryptLogs: fromJson(z.boolean().default(false)),
  uploaders: fromJson(uploaders),
  accessLogs: fromJson(accessLogs),
  dataEvents: fromJson(dataEvents),
  // One raw object can take the whole timeout. With one message per call, a killed call delays no other
  // message.
  extraction: fromJson(stage({ timeout: 900, batchSize: 1, maximumConcurrency: 10, alarmAge: 14_400 })),
  transformation: fromJson(stage({ timeout: 120, batchSize: 10, maximumConcurrency: 10, alarmAge: 3_600 })),
  commit: fromJson(
    stage({ timeout: 120, batchSize: 100, batchWindow: 1, maximumConcurrency: 2, alarmAge: 3_600 }),
  ),
  // `derived` sets the default concurrency.
  loading: fromJson(stage({ timeout: 120, batchSize: 10, maximumConcurrency: Infinity, alarmAge: 3_600 })),
  /** Whether loading writes to MySQL. Without it the stack has no database and no network. */
  mysql: fromJson(z.boolean().default(false)),
  database: fromJson(database),
  catalog: fromJson(catalogConfiguration),
  maintenance: fromJson(maintenanceConfiguration),
  warehouse: fromJson(warehouseConfiguration),
  workflows: fromJson(workflowConfiguration),
});

/** Rules and defaults that involve several keys. */
const sluice = keys.transform((value, { addIssue }) => {
  const instance = value.mysql ? instanceClasses[value.database.instanceClass] : undefined;
  const most = instance === undefined ? 1_000 : connectionBudget(instance);
  const derived = instance === undefined ? 4 : usefulConcurrency(instance);
  if (value.forceDestroy && value.retain)
    addIssue({
      code: 'custom',
      path: ['retain'],
      input: value.retain,
      message: 'must be false if sluice:forceDestroy is true: one keeps the data that the other deletes',
    });
  if (value.retain && value.mysql && value.database.deletionProtection)
    addIssue({
      code: 'custom',
      path: ['database', 'deletionProtection'],
      input: true,
      message:
        'must not be true if sluice:retain is true: the database goes with the stack, and leaves its last snapshot',
    });
  const asked = value.loading.maximumConcurrency;
  const maximumConcurrency = Number.isFinite(asked) ? asked : derived;
  if (maximumConcurrency > most) {
    addIssue({
      code: 'custom',
      path: ['loading', 'maximumConcurrency'],
      input: asked,
      message:
        `must be at most ${most}, the concurrent calls that a ${value.database.instanceClass} has ` +
        'connections for. A larger sluice:database.instanceClass allows more',
    });
  }
  return {
    ...value,
    loading: { ...value.loading, maximumConcurrency },
    database: forStack(value.database, value),
  };
});

export type Configuration = z.infer<typeof sluice> & { readonly aws: z.infer<typeof provider> };

/** The namespace of this program's keys. A project of another name has its own as well. */
const ownNamespace = 'sluice';

/** Where the configuration comes from. */
interface Origin {
  readonly project: string;
  readonly stack: string;
}

/**
 * Reads the stack's configuration in the form of `pulumi.runtime.allConfig()`: `{ 'sluice:owner': 'me', … }`.
 *
 * @throws {pulumi.RunError} one that names every unknown, missing and invalid key, each with the command that
 * fixes it
 */
export function readConfiguration(all: Readonly<Record<string, string>>, origin: Origin): Configuration {
  const { project } = origin;
  const given = { ...namespace(all, project), ...namespace(all, ownNamespace) };
  const own = sluice.safeParse(given, { reportInput: true });
  const ofProvider = provider.safeParse(namespace(all, 'aws'), { reportInput: true });
  const nameOf = (key: PropertyKey | undefined) =>
    `${project}:${String(key)}` in all && !(`${ownNamespace}:${String(key)}` in all) ? project : ownNamespace;
  const complaints = [
    ...strayKeys(all, origin),
    ...(own.error?.issues ?? []).flatMap((issue) => complain(nameOf, issue, origin)),
    ...(ofProvider.error?.issues ?? []).flatMap((issue) => complain(() => 'aws', issue, origin)),
  ];
  if (!own.success || !ofProvider.success || complaints.length > 0)
    throw new pulumi.RunError(
      `The stack's configuration is not valid.\n${complaints.map((line) => `  ${line}`).join('\n')}`,
    );
  return { ...own.data, aws: ofProvider.data };
}

function namespace(all: Readonly<Record<string, string>>, name: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(all)
      .filter(([key]) => key.startsWith(`${name}:`))
      .map(([key, value]) => [key.slice(name.length + 1), value]),
  );
}

/** Keys that neither this program nor Pulumi reads: mostly a misspelt namespace. */
function strayKeys(all: Readonly<Record<string, string>>, { project, stack }: Origin): string[] {
  const read = [ownNamespace, project, 'aws', 'pulumi'];
  return Object.keys(all)
    .filter((key) => !read.includes(key.slice(0, key.indexOf(':'))))
    .map(
      (key) =>
        `${key}: nothing reads this namespace; the keys are ${ownNamespace}:… and aws:…. Remove it: pulumi config rm ${key} --stack ${stack}`,
    );
}

function complain(
  nameOf: (key: PropertyKey | undefined) => string,
  issue: z.core.$ZodIssue,
  { stack }: Origin,
): string[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const path = keyPath([...issue.path, key], nameOf);
      return `${path} is not a known key. Remove it: pulumi config rm ${flag(issue.path.length)}${path} --stack ${stack}`;
    });
  }
  const path = keyPath(issue.path, nameOf);
  const given = issue.input === undefined ? '' : ` (given: ${JSON.stringify(issue.input)})`;
  return [
    `${path}: ${issue.message}${given}. Set it: pulumi config set ${flag(issue.path.length - 1)}${path} <value> --stack ${stack}`,
  ];
}

const keyPath = (path: readonly PropertyKey[], nameOf: (key: PropertyKey | undefined) => string) =>
  `${nameOf(path[0])}:${path.map(String).join('.')}`;
const flag = (depth: number) => (depth > 0 ? '--path ' : '');
