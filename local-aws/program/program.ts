import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import * as z from 'zod';
import { errorText } from '../core/service-error.ts';
import { ProgramProcess, type ProgramRequest } from './program-process.ts';

/** A resource as the Pulumi program registered it, with its names and ARNs. */
const resource = z.object({
  urn: z.string(),
  /** Pulumi's type token, e.g. `aws:sqs/queue:Queue`. */
  type: z.string(),
  /** Whether it only groups other resources. */
  component: z.boolean(),
  /** The logical name. */
  name: z.string(),
  inputs: z.record(z.string(), z.unknown()),
  outputs: z.record(z.string(), z.unknown()),
  /** URNs of the resources that Pulumi creates or updates before it, named by an option or a property. */
  dependencies: z.array(z.string()),
  /** How Pulumi treats it when it changes or goes (Pulumi docs, concepts/resources/options). */
  options: z.object({
    protect: z.boolean(),
    retainOnDelete: z.boolean(),
    deleteBeforeReplace: z.boolean(),
    ignoreChanges: z.array(z.string()),
  }),
});
export type Resource = z.infer<typeof resource>;

/** The result of running a Pulumi program. */
export interface Program {
  readonly region: string;
  /** Sorted by URN. */
  readonly resources: readonly Resource[];
  /** The stack's outputs. */
  readonly outputs: unknown;
}

export interface ProgramOptions {
  readonly stack: string;
  /** The directory of `Pulumi.yaml`. */
  readonly directory: string;
  /** The start of queue URLs, e.g. `http://127.0.0.1:4566`. By default AWS's own endpoint. */
  readonly endpoint?: string;
  /**
   * Configuration in addition to that of the stack's files, and with precedence over it. As text, like Pulumi
   * passes it.
   */
  readonly configuration?: Readonly<Record<string, string>>;
}

const answer = z.union([
  z.object({ resources: z.array(resource), outputs: z.unknown() }),
  z.object({ failure: z.string() }),
]);

/**
 * Runs the Pulumi program of `directory` in a separate process, without Pulumi's engine and without AWS, and
 * returns the registered resources. `process` must not have run a program yet.
 *
 * @throws if `Pulumi.yaml` or the stack's configuration can't be read, or if the program fails; the message
 * names the cause
 */
export async function readProgram(
  { stack, directory, endpoint, configuration: more }: ProgramOptions,
  process: Pick<ProgramProcess, 'run'> = new ProgramProcess(),
): Promise<Program> {
  const { name, main, configuration: settings } = readStackFiles(directory, stack);
  const configuration = { ...settings, ...more };
  const region = configuration['aws:region'] ?? 'us-east-1';
  const request: ProgramRequest = {
    main: join(directory, main),
    project: name,
    stack,
    region,
    queueEndpoint: endpoint ?? `https://sqs.${region}.amazonaws.com`,
    configuration: { 'aws:region': region, ...configuration },
  };
  const result = answer.parse(await process.run(request));
  if ('failure' in result) {
    throw new Error(`The Pulumi program ${request.main} failed for stack "${stack}": ${result.failure}`);
  }
  return { region, ...result };
}

const configurationFile = z.record(z.string(), z.unknown());
const projectFile = z.object({
  name: z.string(),
  main: z.string(),
  config: configurationFile.nullish(),
});
const stackFile = z.object({ config: configurationFile.nullish() }).nullish();

/** Pulumi's project and stack settings (Pulumi docs, project file reference and configuration). */
function readStackFiles(directory: string, stack: string) {
  const project = readYaml(join(directory, 'Pulumi.yaml'), projectFile);
  const path = join(directory, `Pulumi.${stack}.yaml`);
  const settings = existsSync(path) ? readYaml(path, stackFile) : undefined;
  const configuration: Record<string, string> = {};
  for (const [file, values] of [
    ['Pulumi.yaml', project.config],
    [path, settings?.config],
  ] as const) {
    for (const [key, value] of Object.entries(values ?? {})) {
      const text = asPulumiPasses(file === 'Pulumi.yaml' ? defaultOf(value) : value, key, path);
      if (text !== undefined) configuration[key.includes(':') ? key : `${project.name}:${key}`] = text;
    }
  }
  return { name: project.name, main: project.main, configuration };
}

/** In `Pulumi.yaml` a value may be a key's declaration: a type, and possibly a value or a default. */
function defaultOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('value' in value) return value.value;
  return 'default' in value ? value.default : undefined;
}

/** A program gets every value as text: objects, numbers and booleans as JSON. */
function asPulumiPasses(value: unknown, key: string, file: string): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null && 'secure' in value) {
    throw new Error(
      `${key} in ${file} is encrypted, and only Pulumi can decrypt it. Set a plain value for a local stack: ` +
        `pulumi config set ${key} <value> --plaintext`,
    );
  }
  return JSON.stringify(value);
}

function readYaml<Schema extends z.ZodType>(path: string, schema: Schema): z.infer<Schema> {
  let content: unknown;
  try {
    content = parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new Error(`${path} can't be read: ${errorText(cause)}`, { cause });
  }
  const parsed = schema.safeParse(content);
  if (!parsed.success)
    throw new Error(`${path} is not a valid Pulumi file:\n${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
