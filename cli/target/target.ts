import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import type { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import type { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import type { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import type { GlueClient } from '@aws-sdk/client-glue';
import type { KMSClient } from '@aws-sdk/client-kms';
import type { LambdaClient } from '@aws-sdk/client-lambda';
import type { RedshiftDataClient } from '@aws-sdk/client-redshift-data';
import type { S3Client } from '@aws-sdk/client-s3';
import type { SchedulerClient } from '@aws-sdk/client-scheduler';
import type { SFNClient } from '@aws-sdk/client-sfn';
import type { SQSClient } from '@aws-sdk/client-sqs';
import * as z from 'zod';
import { registry } from '../../datasets/index.ts';
import type { Registry } from '../../domain/registry.ts';
import { type StackOutputs, stackOutputs } from '../../infra/outputs.ts';
import { UserError } from '../terminal/user-error.ts';
import { type Control, control } from './control.ts';
import { projectDirectory } from './directories.ts';

/** The pipeline that a command uses: a stack on AWS, or the local cloud, through the same clients. */
export interface Target {
  readonly outputs: StackOutputs;
  /** The datasets of this code. */
  readonly registry: Registry;
  readonly s3: S3Client;
  readonly sqs: SQSClient;
  readonly cloudWatch: CloudWatchClient;
  readonly logs: CloudWatchLogsClient;
  readonly lambda: LambdaClient;
  readonly glue: GlueClient;
  readonly redshift: RedshiftDataClient;
  readonly sfn: SFNClient;
  readonly events: EventBridgeClient;
  readonly kms: KMSClient;
  readonly scheduler: SchedulerClient;
  /** Operations that only the local cloud has; `undefined` on AWS. */
  readonly control: Control | undefined;
  /** Where MySQL is, or why there is none. */
  readonly mysql: string;
  /** The directory for the stack's local files, e.g. copies of the lake's files. */
  readonly directory: string;
}

/** The file by which the command line finds the running local cloud. */
export const instance = z.object({
  endpoint: z.url(),
  pid: z.int(),
  outputs: stackOutputs,
  /** Where MySQL is, or why there is none. */
  mysql: z.string(),
  /** Set if it follows changes of the sources. */
  reloads: z
    .strictObject({
      /** The checkout whose sources these are. */
      project: z.string(),
      /** Why it goes on with the code from before the last change. */
      refused: z.string().optional(),
      /** When it began to look at the sources last, in milliseconds since the epoch. */
      at: z.number(),
    })
    .optional(),
});
export type Instance = z.infer<typeof instance>;

/** The access key of the local cloud's user. */
export const localCredentials = { accessKeyId: 'test', secretAccessKey: 'test' };

/**
 * Finds the pipeline: the stack of this name on AWS, or without a name the local cloud of `directory`.
 *
 * @throws {UserError} when there is none
 */
export async function findTarget(stack: string | undefined, directory: string): Promise<Target> {
  if (stack !== undefined) {
    const outputs = await pulumiOutputs(stack);
    return withClients(
      {
        outputs,
        registry,
        directory: join(directory, 'stacks', stack),
        control: undefined,
        mysql: outputs.mysql?.host ?? 'none: the stack’s configuration does not enable it',
      },
      { region: outputs.region },
    );
  }
  return localTarget(await runningInstance(directory), directory);
}

export function localTarget(
  {
    endpoint,
    outputs,
    mysql = 'none',
  }: Pick<Instance, 'endpoint' | 'outputs'> & Partial<Pick<Instance, 'mysql'>>,
  directory: string,
): Target {
  const { region } = outputs;
  return withClients(
    { outputs, registry, mysql, directory, control: control(endpoint, region, localCredentials) },
    { region, endpoint, credentials: localCredentials },
  );
}

const require = createRequire(import.meta.url);

type Clients = Pick<
  Target,
  | 's3'
  | 'sqs'
  | 'cloudWatch'
  | 'logs'
  | 'lambda'
  | 'glue'
  | 'redshift'
  | 'sfn'
  | 'events'
  | 'kms'
  | 'scheduler'
>;

/** Adds the clients. Each is loaded when it is first used: all of them take longer than most commands run. */
function withClients(
  target: Omit<Target, keyof Clients>,
  options: {
    readonly region: string;
    readonly endpoint?: string;
    readonly credentials?: typeof localCredentials;
  },
): Target {
  const lazy = (module: string, name: string) => {
    let client: unknown;
    return {
      enumerable: true,
      get: () => {
        client ??= new (require(`@aws-sdk/client-${module}`)[name])(options);
        return client;
      },
    };
  };
  const clients: Readonly<Record<keyof Clients, PropertyDescriptor>> = {
    s3: lazy('s3', 'S3Client'),
    sqs: lazy('sqs', 'SQSClient'),
    cloudWatch: lazy('cloudwatch', 'CloudWatchClient'),
    logs: lazy('cloudwatch-logs', 'CloudWatchLogsClient'),
    lambda: lazy('lambda', 'LambdaClient'),
    glue: lazy('glue', 'GlueClient'),
    redshift: lazy('redshift-data', 'RedshiftDataClient'),
    sfn: lazy('sfn', 'SFNClient'),
    events: lazy('eventbridge', 'EventBridgeClient'),
    kms: lazy('kms', 'KMSClient'),
    scheduler: lazy('scheduler', 'SchedulerClient'),
  };
  return Object.defineProperties(target, clients) as Target;
}

async function runningInstance(directory: string): Promise<Instance> {
  const notRunning = new UserError('The local cloud is not running. Start it in another terminal: npm start');
  let found: Instance;
  try {
    found = instance.parse(JSON.parse(readFileSync(join(directory, 'instance.json'), 'utf8')));
  } catch {
    throw notRunning;
  }
  try {
    await answer(new URL('/_sluice/health', found.endpoint));
  } catch {
    throw notRunning;
  }
  return found;
}

/** Resolves when a server answers. `fetch` would do, but to load it takes longer than the call. */
function answer(url: URL): Promise<void> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(5000);
    get(url, { signal }, (response) => {
      response.resume();
      resolve();
    }).on('error', reject);
  });
}

async function pulumiOutputs(stack: string): Promise<StackOutputs> {
  const command = `pulumi stack output --json --stack ${stack}`;
  let text: string;
  try {
    ({ stdout: text } = await promisify(execFile)('pulumi', ['stack', 'output', '--json', '--stack', stack], {
      cwd: projectDirectory,
      // The project's own Pulumi, if none is installed.
      env: {
        ...process.env,
        PATH: `${process.env['PATH']}${delimiter}${projectDirectory}/node_modules/.bin`,
      },
    }));
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    if (code === 'ENOENT')
      throw new UserError(
        `Pulumi is not installed; it is needed to find the stack ${stack}. Install it: https://www.pulumi.com/docs/install/`,
      );
    throw new UserError(`${command} failed: ${stderr?.trim() ?? String(error)}`);
  }
  const outputs = stackOutputs.safeParse(JSON.parse(text));
  if (!outputs.success) {
    throw new UserError(
      `The stack ${stack} has not been deployed with this program. Deploy it: pulumi up --stack ${stack}`,
    );
  }
  return outputs.data;
}
