/**
 * A step of `npm run check`: what breaks a rule of infra/compliance/ in the stacks that have a file here, or
 * could have one.
 */
import { findings } from '../../../infra/compliance/check.ts';
import { checks } from '../../../infra/compliance/checks.ts';
import { bare, configured, forProduction, read, withEverything } from '../stacks.ts';

const stacks = [
  ...configured().map((options) => [`Pulumi.${options.stack}.yaml`, options] as const),
  ['Pulumi.prod.yaml.example', forProduction] as const,
  ['a stack with everything', withEverything] as const,
  ['a stack with nothing that can be left out', bare] as const,
];

for (const [title, options] of stacks) {
  const { resources } = await read(options);
  const found = findings(checks, resources);
  for (const { urn, check, message } of found) console.error(`${title}: ${check}: ${urn}\n  ${message}`);
  if (found.length > 0) process.exitCode = 1;
  else console.log(`${title}: ${resources.length} resources pass ${checks.length} checks.`);
}
