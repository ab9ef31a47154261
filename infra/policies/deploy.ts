import { type Policy, type PolicyStatement, policyOf } from './document.ts';
import { needs } from './needs.ts';

/** What Pulumi creates, reads, changes and deletes for resources of these types. */
export function deployPolicy(types: Iterable<string>): Policy {
  const statements = new Map<
    string,
    { key: Omit<PolicyStatement, 'Sid' | 'Action'>; actions: Set<string> }
  >();
  for (const type of new Set(types)) {
    const found = needs[type];
    if (found === undefined)
      throw new Error(
        `infra/policies/needs.ts does not say which permissions a deployment of ${type} needs.`,
      );
    for (const { actions, on, when } of found) {
      const key = { Effect: 'Allow' as const, Resource: on, ...(when && { Condition: when }) };
      const text = JSON.stringify(key);
      const statement = statements.get(text) ?? { key, actions: new Set<string>() };
      statements.set(text, statement);
      for (const action of actions) statement.actions.add(action);
    }
  }
  const merged = [...statements.values()].map(({ key, actions }) => ({ key, Action: [...actions].sort() }));
  merged.sort((one, other) => ((one.Action[0] ?? '') < (other.Action[0] ?? '') ? -1 : 1));
  return policyOf(merged.map(({ key, Action }, index) => ({ Sid: sidOf(Action, index), ...key, Action })));
}

/** Names the service, and is unique. */
function sidOf([first = '']: readonly string[], index: number): string {
  const service = first.slice(0, first.indexOf(':')).replace(/[^a-z0-9]/g, '');
  return `${service.slice(0, 1).toUpperCase()}${service.slice(1)}${index + 1}`;
}
