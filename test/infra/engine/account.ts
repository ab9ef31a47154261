import { callResult, physicalResource } from '../../../local-aws/program/mocks.ts';
import { told, unique } from './provider-schema.ts';
import type { Answer, Goal } from './services.ts';

type Properties = Readonly<Record<string, unknown>>;

/** Code, and the `CODE_VERSION` that it runs under. */
export interface Running {
  readonly code: unknown;
  readonly variables: unknown;
}

interface Lambda {
  latest: Running;
  readonly versions: Running[];
}

const region = 'eu-central-1';
const where = { region, queueEndpoint: `https://sqs.${region}.amazonaws.com` };
const functionType = 'aws:lambda/function:Function';
const aliasType = 'aws:lambda/alias:Alias';

/** An account of AWS behind its provider. It answers as the local cloud does, and refuses what AWS does. */
export class Account {
  readonly region = region;
  /** Called after each call that changes a function, or what an alias points to. */
  onCall: () => void = () => {};
  readonly #taken = new Set<string>();
  readonly #lambdas = new Map<string, Lambda>();
  /** By the ARN of an alias. */
  readonly #live = new Map<string, { readonly name: string; version: number }>();
  #created = 0;

  create({ type, name, inputs }: Goal): NonNullable<Answer> {
    this.#created += 1;
    const suffix = this.#created.toString(16).padStart(7, '0');
    const { id, outputs: computed } = physicalResource(type, name, inputs, { ...where, suffix });
    const outputs = { ...inputs, ...computed };
    const identities = identitiesOf(type, id, outputs);
    const taken = identities.find((each) => this.#taken.has(each));
    if (taken !== undefined) throw new Error(`${taken} already exists.`);
    for (const each of identities) this.#taken.add(each);
    if (type === functionType) this.#change(String(computed['name']), inputs);
    if (type === aliasType) this.#point(id, inputs);
    return { id, outputs };
  }

  update(type: string, id: string, before: Properties, inputs: Properties, given: Properties): Properties {
    const computed = Object.entries(before).filter(([property]) => !(property in given));
    const outputs = { ...Object.fromEntries(computed), ...inputs };
    if (type === aliasType) this.#point(id, inputs);
    if (type !== functionType) return outputs;
    const version = String(this.#change(String(before['name']), inputs));
    return { ...outputs, version, qualifiedArn: `${String(before['arn'])}:${version}` };
  }

  delete(type: string, id: string, outputs: Properties): void {
    if (outputs['deletionProtection'] === true)
      throw new Error(`Cannot delete protected DB Instance ${String(outputs['identifier'])}.`);
    // Each has been used, so it holds objects.
    if (type === 'aws:s3/bucket:Bucket' && outputs['forceDestroy'] !== true)
      throw new Error(`BucketNotEmpty: ${id}`);
    for (const each of identitiesOf(type, id, outputs)) this.#taken.delete(each);
    this.#live.delete(id);
  }

  /** What exists, by type. */
  left(): string[] {
    return [...this.#taken].map((each) => each.split(' ', 1)[0] ?? '').sort();
  }

  read(type: string, outputs: Properties): Properties {
    return { ...outputs, ...told[type]?.(outputs) };
  }

  call(token: string, inputs: Properties): Record<string, unknown> {
    return callResult(token, inputs, where);
  }

  /** What a call of each function's alias runs, by the function's name. */
  running(): ReadonlyMap<string, Running | undefined> {
    return new Map(
      [...this.#live.values()].map(({ name, version }) => [
        name,
        this.#lambdas.get(name)?.versions[version - 1],
      ]),
    );
  }

  /**
   * Variables in one call, code in the next, and then a version of both (terraform-provider-aws,
   * `resourceFunctionUpdate`). Returns that version.
   */
  #change(name: string, inputs: Properties): number {
    const { variables } = inputs['environment'] as { variables: Properties };
    const lambda = this.#lambdas.get(name) ?? { latest: { code: '', variables: '' }, versions: [] };
    this.#lambdas.set(name, lambda);
    lambda.latest = { ...lambda.latest, variables: variables['CODE_VERSION'] };
    this.onCall();
    lambda.latest = { ...lambda.latest, code: JSON.stringify(inputs['code']) };
    this.onCall();
    return lambda.versions.push(lambda.latest);
  }

  #point(id: string, { functionName, functionVersion }: Properties): void {
    this.#live.set(id, { name: String(functionName), version: Number(functionVersion) });
    this.onCall();
  }
}

/** What no other resource may have at the same time. */
function identitiesOf(type: string, id: string, outputs: Properties): readonly string[] {
  const named = unique[type]?.map((property) => String(outputs[property])).join('/');
  return [...new Set([id, named])].flatMap((each) => (each === undefined ? [] : [`${type} ${each}`]));
}
