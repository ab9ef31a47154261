/** Actions that a deployment needs on resources. */
export interface Need {
  readonly actions: readonly string[];
  readonly on: string | readonly string[];
  readonly when?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

/** The actions of a service on what this names. */
export const on = (resources: Need['on'], service: string, actions: string, when?: Need['when']): Need => ({
  on: resources,
  actions: actions.split(/\s+/).map((action) => `${service}:${action}`),
  ...(when && { when }),
});

/** The stack's roles. */
export const role = 'arn:aws:iam::ACCOUNT:role/sluice-STACK-*';

/** What has no name of its own, such as the key, is the stack's by its tags, which it is made with. */
export const own = tagged('aws:ResourceTag');
export const born = tagged('aws:RequestTag');

/** Handing roles to those services of AWS that act in them. */
export const passRole = (...services: readonly string[]): Need =>
  on(role, 'iam', 'PassRole', {
    StringEquals: { 'iam:PassedToService': services.map((service) => `${service}.amazonaws.com`) },
  });

function tagged(key: string): NonNullable<Need['when']> {
  return { StringEquals: { [`${key}/project`]: 'sluice', [`${key}/stack`]: 'STACK' } };
}
