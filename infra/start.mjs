/**
 * Pulumi's entry into the program. JavaScript, so that a Node which can't run TypeScript gets as far as the
 * sentence that says so.
 */
import * as pulumi from '@pulumi/pulumi';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
// The first that strips types without a flag (Node docs, "Modules: TypeScript").
if (major < 22 || (major === 22 && minor < 18))
  throw new pulumi.RunError(
    `The program needs Node 22.18 or later, and this is ${process.versions.node}. ` +
      'Start Pulumi with the Node of the checkout: npx pulumi',
  );

export default (await import('./index.ts')).default;
