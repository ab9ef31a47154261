import type { Resource } from '../../../local-aws/program/program.ts';
import type { Properties, Whole } from './conversion.ts';
import { conversions } from './conversions.ts';

/** A resource in the words of CloudFormation. */
interface Template {
  readonly Resources: Record<string, { readonly Type: string; Properties: Properties }>;
}

/** What would be sent to AWS's API for a resource. */
interface Request {
  /** The resource's name. */
  readonly name: string;
  /** Pulumi's type. */
  readonly type: string;
  readonly operation: string;
  readonly parameters: Properties;
  /** Whether each parameter must be known to the operation. */
  readonly whole: boolean;
}

/** Text of JSON in Pulumi, an object in CloudFormation. */
const documents = new Set([
  'assumeRolePolicy',
  'eventPattern',
  'policy',
  'redriveAllowPolicy',
  'redrivePolicy',
]);
/** Objects whose keys are the user's. */
const asTheyAre = new Set(['dimensions', 'parameters', 'variables']);

const isObject = (value: unknown): value is Properties =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const pascal = (name: string) => name.charAt(0).toUpperCase() + name.slice(1);

function renamed(value: unknown, names: Readonly<Record<string, string>>): unknown {
  if (Array.isArray(value)) return value.map((each) => renamed(each, names));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => {
      const name = names[key] ?? pascal(key);
      if (key === 'tags' && isObject(each))
        return [name, Object.entries(each).map(([Key, Value]) => ({ Key, Value }))];
      if (documents.has(key) && typeof each === 'string') return [name, JSON.parse(each)];
      return [name, asTheyAre.has(key) && isObject(each) ? each : renamed(each, names)];
    }),
  );
}

const without = (inputs: Properties, names: readonly string[] = []) =>
  Object.fromEntries(Object.entries(inputs).filter(([name]) => !names.includes(name)));

/**
 * The resources of a stack as a CloudFormation template, and as requests to AWS's API.
 *
 * @throws for a type that has no conversion, and for a part of a resource that is not there
 */
export function convert(resources: readonly Resource[]) {
  const template: Template = { Resources: {} };
  const requests: Request[] = [];
  const logicalIds = new Map<string, string>();
  const wholes: { readonly resource: Resource; readonly conversion: Whole; readonly id: string }[] = [];
  const parts: (() => void)[] = [];
  for (const resource of resources.filter(({ component }) => !component)) {
    const { type, name, inputs } = resource;
    const conversion = conversions[type];
    if (conversion === undefined)
      throw new Error(`test/infra/cloudformation/conversions.ts does not say what ${type} is on AWS.`);
    if ('nothing' in conversion) continue;
    if ('call' in conversion) {
      const parameters = renamed(
        without(inputs, conversion.ofProvider),
        conversion.renamed ?? {},
      ) as Properties;
      requests.push({ name, type, operation: conversion.call, parameters, whole: true });
    } else if ('of' in conversion) {
      const [of, input, output] = conversion.of;
      const properties = renamed(without(inputs, [input]), conversion.renamed ?? {}) as Properties;
      parts.push(() => {
        const to = wholes.find(
          ({ resource: each }) => each.type === of && each.outputs[output] === inputs[input],
        );
        const target = template.Resources[to?.id ?? ''];
        if (target === undefined)
          throw new Error(
            `${resource.urn} is a part of the ${of} ${String(inputs[input])}, which is missing.`,
          );
        target.Properties = merged(target.Properties, conversion.adds(properties));
      });
    } else {
      const id = logicalId(resource, logicalIds);
      template.Resources[id] = { Type: conversion.type, Properties: propertiesOf(resource, conversion) };
      wholes.push({ resource, conversion, id });
    }
  }
  for (const add of parts) add();
  for (const { resource, conversion, id } of wholes)
    for (const { operation, renamed: names = {} } of conversion.api ?? []) {
      const { Properties: properties = {} } = template.Resources[id] ?? {};
      const parameters = Object.fromEntries(
        Object.entries(properties).map(([property, value]) => [names[property] ?? property, value]),
      );
      requests.push({ name: resource.name, type: resource.type, operation, parameters, whole: false });
    }
  return { template, requests };
}

function propertiesOf({ inputs, outputs }: Resource, { named, ...conversion }: Whole): Properties {
  const given = without(inputs, conversion.ofProvider);
  const properties = renamed(given, conversion.renamed ?? {}) as Properties;
  const { shape = (same: Properties) => same } = conversion;
  if (named === undefined) return shape(properties);
  const [output, property] = named;
  // `name` may be called otherwise in CloudFormation.
  const { [pascal(output)]: _, [`${pascal(output)}Prefix`]: __, ...rest } = properties;
  return { ...shape(rest), [property]: outputs[output] };
}

/** Adds the properties of one to another's; lists are appended. */
function merged(to: Properties, more: Properties): Properties {
  const lists = Object.entries(more).map(([name, value]) => {
    const before = to[name];
    return [name, Array.isArray(before) && Array.isArray(value) ? [...before, ...value] : value];
  });
  return { ...to, ...Object.fromEntries(lists) };
}

/** The letters and digits of the name and the type, since two resources may share a name. */
function logicalId({ type, name }: Resource, ids: Map<string, string>): string {
  const id = `${name}-${type.split(':').at(-1)}`
    .split(/[^a-zA-Z0-9]+/)
    .map(pascal)
    .join('');
  const other = ids.get(id);
  if (other !== undefined) throw new Error(`${name} and ${other} are both ${id}.`);
  ids.set(id, name);
  return id;
}
