import type { Resource } from '../../../local-aws/program/program.ts';

export const functionType = 'aws:lambda/function:Function';
export const aliasType = 'aws:lambda/alias:Alias';
export const mappingType = 'aws:lambda/eventSourceMapping:EventSourceMapping';
export const invocationType = 'aws:lambda/invocation:Invocation';

/** Code, and the `CODE_VERSION` that it runs under. */
export interface Running {
  readonly code: string;
  readonly variables: string;
}

const former: Running = { code: 'former', variables: 'former' };

interface Lambda {
  latest: Running;
  readonly versions: Running[];
  /** The index of the version that the alias points to. */
  live: number;
}

/** AWS's functions while Pulumi updates all of a stack's code. */
export class Deployment {
  readonly #resources: readonly Resource[];
  /** By name. */
  readonly #lambdas: ReadonlyMap<string, Lambda>;

  constructor(resources: readonly Resource[]) {
    this.#resources = resources;
    this.#lambdas = new Map(
      resources
        .filter(({ type }) => type === functionType)
        .map(({ outputs }) => [String(outputs['name']), { latest: former, versions: [former], live: 0 }]),
    );
  }

  /**
   * Goes on after each call to AWS. A resource is updated once all that it depends on are; among those that
   * could be next, the `late` ones come last. What depends on a failed resource stays as it was.
   */
  *update(
    late: (resource: Resource) => boolean,
    fails: (resource: Resource) => boolean,
  ): Generator<Resource> {
    const done = new Set<string>();
    const waiting = new Set(this.#resources);
    const isReady = ({ dependencies }: Resource) => dependencies.every((urn) => done.has(urn));
    for (;;) {
      const ready = [...waiting].filter(isReady);
      const next = ready.find((each) => !late(each)) ?? ready[0];
      if (next === undefined) return;
      waiting.delete(next);
      if (fails(next)) continue;
      for (const _call of this.#calls(next)) yield next;
      done.add(next.urn);
    }
  }

  /** terraform-provider-aws, `resourceFunctionUpdate`: the variables in one call, the code in the next. */
  *#calls({ type, inputs, outputs }: Resource): Generator<void> {
    const lambda = this.#lambdas.get(
      String(type === functionType ? outputs['name'] : inputs['functionName']),
    );
    if (type === functionType && lambda !== undefined) {
      lambda.latest = { ...lambda.latest, variables: 'new' };
      yield;
      lambda.latest = { ...lambda.latest, code: 'new' };
      if (inputs['publish'] === true) lambda.versions.push(lambda.latest);
    }
    if (type === aliasType && lambda !== undefined) lambda.live = lambda.versions.length - 1;
    yield;
  }

  /** What a mapping's next call runs. */
  runsBy(mapping: Resource): Running | undefined {
    const called = mapping.inputs['functionName'];
    const alias = this.#resources.find((each) => each.type === aliasType && each.outputs['arn'] === called);
    const lambda = this.#lambdas.get(String(alias?.inputs['functionName'] ?? called));
    return alias === undefined ? lambda?.latest : lambda?.versions[lambda.live];
  }
}
